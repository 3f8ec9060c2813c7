/* What a table of recipients becomes: messages, or the reason why a row cannot be sent. */
import { countSegments, type Segments } from "./segments";
import { transliterate } from "./transliteration";
import type { Table } from "./csv";

export interface Row {
  line: number;
  phone_number: string;
  text: string;
  segments: Segments;
  /** What POST /api/batches gets for this row. */
  message: Record<string, unknown>;
  error?: string;
}

const BOOLEANS = ["transliterate", "delivery_report"];
const NUMBERS = ["sim", "ttl_seconds"];
const TEXTS = ["message", "device_id", "device_group", "send_at", "expires_at", "priority", "reference"];
export const MEMBERS = new Set(["phone_number", ...BOOLEANS, ...NUMBERS, ...TEXTS]);

/** The text with its placeholders replaced; or what is wrong with them. */
export function fill(template: string, variables: Record<string, string>): { text: string; error?: string } {
  let error: string | undefined;
  const text = template.replace(/\{\{|\}\}|\{([^{}]*)\}|[{}]/g, (found, name: string | undefined) => {
    if (found === "{{") return "{";
    if (found === "}}") return "}";
    if (name !== undefined && Object.prototype.hasOwnProperty.call(variables, name)) return variables[name] as string;
    error ??= name === undefined ? `has a single ${found}; write it twice for a brace` : `there is no column "${name}"`;
    return found;
  });
  return error ? { text, error } : { text };
}

/** A first look at a number: the gateway looks at it more closely. */
export function numberError(text: string): string | undefined {
  const digits = text.replace(/[\s().\-/]/g, "");
  if (text.trim() === "") return "is missing";
  if (/^\s*\+?[0-9]([.,][0-9]*)?E\+?[0-9]+\s*$/i.test(text)) return "is a rounded amount, as spreadsheets write long numbers: its last digits are lost";
  if (!digits.startsWith("+")) return "must start with + and the country code, as in +4915112345678";
  if (!/^\+[1-9][0-9]{6,14}$/.test(digits)) return "is not a number: + and 7 to 15 digits";
  return undefined;
}

function valueOf(name: string, cell: string): unknown {
  if (BOOLEANS.includes(name)) return /^true$/i.test(cell) ? true : /^false$/i.test(cell) ? false : cell;
  if (NUMBERS.includes(name)) return /^[0-9]+$/.test(cell) ? Number(cell) : cell;
  return cell;
}

/** `replacing`: typographic characters are replaced in rows that do not say otherwise. */
export function rowsOf(table: Table, template: string, replacing: boolean): Row[] {
  return table.rows.map(({ line, cells }) => {
    const message: Record<string, unknown> = {};
    const variables: Record<string, string> = {};
    table.columns.forEach((name, i) => {
      const cell = cells[i] ?? "";
      if (!MEMBERS.has(name)) variables[name] = cell;
      else if (cell !== "") message[name] = valueOf(name, cell);
    });
    const phone_number = String(message.phone_number ?? "");
    const { text, error } = fill(String(message.message ?? template), variables);
    if (Object.keys(variables).length > 0) message.variables = variables;
    const sent = message.transliterate ?? replacing ? transliterate(text) : text;
    const wrong = numberError(phone_number);
    return {
      line, phone_number, text: sent, message, segments: countSegments(sent),
      error: cells.length > table.columns.length ? "has more cells than the first line"
        : wrong ? `the number ${wrong}` : error ? `the text ${error}` : text === "" ? "the text is missing" : undefined,
    };
  });
}
