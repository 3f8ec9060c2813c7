import { render } from "preact";
import { App } from "./app";
import { enterPage } from "./session";
import "./styles/index.css";

void enterPage(); // its question is on its way while the first drawing is made
render(<App />, document.getElementById("app") as HTMLElement);
