// Lints an OpenAPI description with Redocly's rules: node lint-openapi.cjs CONFIG DESCRIPTION
// Prints each problem; ends with status 1 when there is one, warnings included.
const { createRequire } = require("node:module");
const path = require("node:path");
const { lint, loadConfig, formatProblems } = createRequire(
  path.resolve("build/lint-npm/package.json"))("@redocly/openapi-core");

async function main([configPath, ref]) {
  const config = await loadConfig({ configPath });
  const problems = await lint({ ref, config });
  formatProblems(problems, { totals: {}, version: "", format: "codeframe" });
  if (problems.length > 0) process.exit(1);
}

main(process.argv.slice(2));
