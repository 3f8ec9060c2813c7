import { render } from "preact";
import "./styles/index.css";

function App() {
  return (
    <main>
      <h1>SMS gateway</h1>
      <p><a href="/docs">API reference</a></p>
    </main>
  );
}

render(<App />, document.getElementById("app") as HTMLElement);
