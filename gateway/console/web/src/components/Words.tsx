import { textOf, type Text } from "../i18n/language";

/** A text from a file: in our language, else in the other one and marked so (Han forms, screen readers). */
export function Words({ of }: { of: Text | null | undefined }) {
  const { text, lang } = textOf(of);
  return lang === undefined ? <>{text}</> : <span lang={lang}>{text}</span>;
}
