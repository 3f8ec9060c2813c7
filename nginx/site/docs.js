// Nothing leaves this origin: no online validator, no other description.

// An answer with an error is one line until its example is asked for: all have the same form, and the page of errors explains them.
function WhatIsLeftOut() {
  return {
    wrapComponents: {
      ServersContainer: () => () => null, // it would offer one server, this one
      response: (Response, { React }) => function ShortResponse(props) {
        const [open, setOpen] = React.useState(false);
        if (open || !/^[45]/.test(props.code)) {
          return React.createElement(Response, props);
        }
        const words = (props.response.get("description") || "").split("`"); // every second one is code
        return React.createElement("tr", { className: "response error-row", "data-code": props.code },
          React.createElement("td", { className: "response-col_status" }, props.code),
          React.createElement("td", { className: "response-col_description", colSpan: 2 },
            React.createElement("p", null, words.map((text, i) => React.createElement(i % 2 ? "code" : "span", { key: i }, text)),
              React.createElement("button", { type: "button", onClick: () => setOpen(true) }, "Example"))));
      },
    },
  };
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

window.ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0, // the list of schemas is closed,
  defaultModelExpandDepth: 1, // and a schema shows its own members
  presets: [SwaggerUIBundle.presets.apis],
  plugins: [WhatIsLeftOut],
});
