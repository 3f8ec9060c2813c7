/* An error of one page leaves the navigation usable. */
import { Component, type ComponentChildren } from "preact";
import { Button } from "./basic";

export class Boundary extends Component<{ children: ComponentChildren }, { error?: Error }> {
  override componentDidCatch(error: Error) {
    this.setState({ error });
  }
  render() {
    const { error } = this.state;
    if (!error) return this.props.children as preact.JSX.Element;
    return <div class="note bad" role="alert"><div><strong>This page has an error</strong><p>{error.message}</p>
      <Button onClick={() => this.setState({ error: undefined })}>Draw it again</Button></div></div>;
  }
}
