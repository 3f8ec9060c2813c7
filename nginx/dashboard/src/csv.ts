/* A table in CSV (RFC 4180), as POST /api/batches reads it: separated by commas, semicolons or tabs. */

export interface Table {
  columns: string[];
  rows: { line: number; cells: string[] }[];
  error?: string;
}

const starts = (bytes: Uint8Array, ...first: number[]) => first.every((byte, i) => bytes[i] === byte);

/** The text of a file; or why it has none. What is not UTF-8 must not be sent with question marks in place of its letters. */
export function decode(bytes: Uint8Array): { text: string; error?: string } {
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch {
    return {
      text: "",
      error: starts(bytes, 0x50, 0x4b, 0x03, 0x04) ? "It is a ZIP archive, as Excel's .xlsx files are. Save it as CSV UTF-8."
        : starts(bytes, 0xff, 0xfe) || starts(bytes, 0xfe, 0xff) ? "It is encoded in UTF-16. Save it in UTF-8 (Excel: CSV UTF-8)."
        : "It is not in UTF-8, but perhaps in Latin-1 or Windows-1252. Save it in UTF-8 (Excel: CSV UTF-8).",
    };
  }
}

function separatorOf(text: string): string {
  let quoted = false;
  for (const character of text) {
    if (character === '"') quoted = !quoted;
    else if (!quoted && ",;\t".includes(character)) return character;
    else if (!quoted && "\r\n".includes(character)) break;
  }
  return ",";
}

export function readCsv(source: string): Table {
  const text = source.replace(/^\uFEFF/, "");
  const separator = separatorOf(text);
  const rows: Table["rows"] = [];
  let cells: string[] = [];
  let cell = "";
  let line = 1;
  let firstLine = 1;
  let quoted = false;
  const endCell = () => {
    cells.push(cell);
    cell = "";
  };
  const endRow = () => {
    endCell();
    rows.push({ line: firstLine, cells });
    cells = [];
    firstLine = line;
  };
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string;
    const lineEnd = c === "\n" || c === "\r";
    const pair = c === "\r" && text[i + 1] === "\n";
    if (lineEnd && !pair) line++;
    if (quoted) {
      if (c !== '"') cell += c;
      else if (text[i + 1] === '"') cell += text[i++];
      else quoted = false;
    } else if (c === '"' && cell === "") quoted = true;
    else if (c === separator) endCell();
    else if (pair) continue;
    else if (lineEnd) endRow();
    else cell += c;
  }
  if (quoted) return { columns: [], rows: [], error: `The quote that begins in the row of line ${firstLine} does not end.` };
  if (cell !== "" || cells.length > 0) endRow();
  while (rows.length > 0 && rows[rows.length - 1]?.cells.every((c) => c === "")) rows.pop();
  const header = rows.shift();
  if (!header) return { columns: [], rows: [], error: "The file is empty." };
  const columns = header.cells.map((name) => name.trim());
  const twice = columns.find((name, i) => name !== "" && columns.indexOf(name) < i);
  if (twice !== undefined) return { columns, rows, error: `The first line has the column ${twice} twice: rename or remove one.` };
  if (!columns.includes("phone_number"))
    return { columns, rows, error: "The first line must name the columns, and one of them must be phone_number." };
  return { columns, rows };
}
