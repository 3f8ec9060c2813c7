/* Characters that GSM-7 lacks, and what readers take for the same: as common/model/sms_transliteration.c replaces them. A test
   compares the two. */
import { countSegments, isGsm7 } from "./segments";

/* What replaces each of the characters. */
const REPLACEMENTS: [by: string, characters: string][] = [
  ["\"", "\u00ab\u00bb\u201c\u201d\u201e\u201f\u2033\u301d\u301e\u275d\u275e\u02ba"],
  ["'", "\u2018\u2019\u201a\u201b\u2039\u203a\u2032`\u00b4\u275b\u275c\u02b9\u02bb\u02bc\u02bd\uff40"],
  ["-", "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212"],
  ["", "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufe0e\ufe0f\ufeff"], [".", "\u2024"], ["..", "\u2025"], ["...", "\u2026"],
  ["!!", "\u203c"], ["??", "\u2047"], ["?!", "\u2048"], ["!?", "\u2049"], ["*", "\u2022"],
  [" ", "\t\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"],
  ["\n", "\u0085\u2028\u2029"], ["ff", "\ufb00"], ["fi", "\ufb01"], ["fl", "\ufb02"], ["ffi", "\ufb03"], ["ffl", "\ufb04"],
  ["st", "\ufb05\ufb06"], ["oe", "\u0153"], ["OE", "\u0152"], ["ij", "\u0133"], ["IJ", "\u0132"], ["'n", "\u0149"],
  ["LJ", "\u01c7"], ["Lj", "\u01c8"], ["lj", "\u01c9"], ["NJ", "\u01ca"], ["Nj", "\u01cb"], ["nj", "\u01cc"], ["SS", "\u1e9e"],
  ["s", "\u017f"], ["\u00c5", "\u212b"], ["K", "\u212a\u039a"], ["\u03a9", "\u2126"], ["A", "\u0391"], ["B", "\u0392"],
  ["E", "\u0395"], ["Z", "\u0396"], ["H", "\u0397"], ["I", "\u0399"], ["M", "\u039c"], ["N", "\u039d"], ["O", "\u039f"],
  ["P", "\u03a1"], ["T", "\u03a4"], ["Y", "\u03a5"], ["X", "\u03a7"], ["(C)", "\u00a9"], ["(R)", "\u00ae"], ["(TM)", "\u2122"],
  ["No.", "\u2116"], ["x", "\u00d7"], ["+/-", "\u00b1"], ["<=", "\u2264"], [">=", "\u2265"], ["<-", "\u2190"],
  ["->", "\u2192"], ["/", "\u2044\u2215"], ["\u00a3", "\uffe1"], ["\u00a5", "\uffe5"],
];
/* A letter and the mark that follows it. */
const LETTERS: [by: string, letter: string][] = [
  ["\u00c4", "A\u0308"], ["\u00c5", "A\u030a"], ["\u00c7", "C\u0327"], ["\u00c9", "E\u0301"], ["\u00d1", "N\u0303"],
  ["\u00d6", "O\u0308"], ["\u00dc", "U\u0308"], ["\u00e0", "a\u0300"], ["\u00e4", "a\u0308"], ["\u00e5", "a\u030a"],
  ["\u00e8", "e\u0300"], ["\u00e9", "e\u0301"], ["\u00ec", "i\u0300"], ["\u00f1", "n\u0303"], ["\u00f2", "o\u0300"],
  ["\u00f6", "o\u0308"], ["\u00f9", "u\u0300"], ["\u00fc", "u\u0308"],
];
const BY_CHARACTER = new Map<string, string>([
  ...REPLACEMENTS.flatMap(([by, characters]) => [...characters].map((character): [string, string] => [character, by])),
  ...LETTERS.map(([by, letter]): [string, string] => [letter, by]),
]);
const FIRST_WIDE = 0xff01;
const LAST_WIDE = 0xff5e;

const isMark = (character: string | undefined): boolean => character !== undefined && character >= "\u0300" && character <= "\u036f";

function replacementOf(character: string): string | undefined {
  const point = character.codePointAt(0) as number;
  return BY_CHARACTER.get(character) ?? (point >= FIRST_WIDE && point <= LAST_WIDE ? String.fromCodePoint(0x21 + point - FIRST_WIDE) : undefined);
}

function replaceAll(text: string): string | undefined {
  const characters = [...text];
  let replaced = "";
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i] as string;
    const next = characters[i + 1];
    if (isGsm7(character) && !isMark(next)) {
      replaced += character;
      continue;
    }
    const pair = isMark(next) ? BY_CHARACTER.get(character + next) : undefined;
    const by = pair ?? replacementOf(character);
    if (by === undefined) return undefined;
    if (pair !== undefined) i++;
    replaced += by;
  }
  return replaced;
}

/** The text as it is sent with `transliterate`: unchanged where that saves no segment, or where a character is left. */
export function transliterate(text: string): string {
  const before = countSegments(text);
  if (before.encoding === "GSM-7") return text;
  const replaced = replaceAll(text);
  return replaced && countSegments(replaced).segments < before.segments ? replaced : text;
}
