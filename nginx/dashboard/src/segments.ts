/* How many SMS a text is: as common/model/sms_segments.c counts them. A test compares the two. */

export interface Segments {
  encoding: "GSM-7" | "UCS-2";
  /** Septets or UTF-16 units. */
  units: number;
  segments: number;
  /** Units that still fit into the last segment. */
  left: number;
}

const DEFAULT_ALPHABET = new Set("\n\r !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz" +
  "¡£¤¥§¿ÄÅÆÇÉÑÖØÜßàäåæèéìñòöøùüΓΔΘΛΞΠΣΦΨΩ");
const EXTENSION = new Set("\f[\\]^{|}~€");
const LIMITS = { "GSM-7": [160, 153], "UCS-2": [70, 67] } as const;

function septets(character: string): number {
  return DEFAULT_ALPHABET.has(character) ? 1 : EXTENSION.has(character) ? 2 : 0;
}

export const isGsm7 = (character: string): boolean => septets(character) > 0;

/** The characters of a text that make it UCS-2, each once. */
export function beyondGsm7(text: string): string[] {
  return [...new Set(text)].filter((character) => septets(character) === 0);
}

export function countSegments(text: string): Segments {
  const characters = [...text];
  const gsm = characters.every((character) => septets(character) > 0);
  const encoding = gsm ? "GSM-7" : "UCS-2";
  const unitsOf = gsm ? septets : (character: string) => character.length;
  const [one, each] = LIMITS[encoding];
  const units = characters.reduce((sum, character) => sum + unitsOf(character), 0);
  if (units <= one) return { encoding, units, segments: units > 0 ? 1 : 0, left: one - units };
  let full = 0;
  let last = 0;
  for (const character of characters) {
    if (last + unitsOf(character) > each) {
      full++;
      last = 0;
    }
    last += unitsOf(character);
  }
  return { encoding, units, segments: full + 1, left: each - last };
}
