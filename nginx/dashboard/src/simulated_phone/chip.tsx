/* Says on every page that a simulated phone runs in it. */
import { Icon } from "../parts/icon";
import { href } from "../router";
import { useStore } from "../store";
import { phone } from "./phone";

const WORDS = { off: "", connecting: "connecting", connected: "on", lost: "no connection", refused: "refused" };

export function PhoneChip() {
  const { connection } = useStore(phone);
  if (connection === "off") return null;
  return <a class={`phone-chip ${connection}`} href={href("simulated-phone")}><Icon name="devices" /><span class="wide">Simulated phone: </span>{WORDS[connection]}</a>;
}
