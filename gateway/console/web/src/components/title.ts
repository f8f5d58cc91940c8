import { useEffect } from "preact/hooks";
import { language, t } from "../i18n/language";

/** The tab's title: the page first, then the house. */
export function useTitle(text: string): void {
  const spoken = language.value;
  useEffect(() => {
    document.title = text === "" ? t().app : `${text} · ${t().app}`;
  }, [text, spoken]);
}
