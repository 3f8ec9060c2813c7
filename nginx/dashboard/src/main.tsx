import { render } from "preact";
import { App } from "./app";
import { enterPage } from "./session";
import "./styles/index.css";

render(<App />, document.getElementById("app") as HTMLElement);
void enterPage();
