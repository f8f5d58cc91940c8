import { computed } from "@preact/signals";
import { Icon } from "../components/Icon";
import { Marks } from "../components/Mark";
import { Words } from "../components/Words";
import { language, t, word } from "../i18n/language";
import { openAlerts, siteIds, siteSignal } from "../live/store";
import { match, place, siteUrl } from "../route";
import { chooseLanguage, session, signOut } from "../session";
import { helpOpen } from "./keys";
import { Lamp } from "./Lamp";
import { nextTheme, theme, type Theme } from "./theme";

const THEME_ICON = { system: "auto", light: "sun", dark: "moon" } as const;
const themeWord = (which: Theme): string => t()[`theme_${which}`];

/** The site that the page is about, else the only one there is. */
export const siteHere = computed<string | null>(() => {
  const path = place.value.path;
  const found = match("/sites/:site", path)?.["site"] ?? match("/sites/:site/devices/:device", path)?.["site"];
  if (found !== undefined) return found;
  const ids = siteIds.value;
  return ids?.length === 1 ? ids[0]! : null;
});

const alertCounts = computed(() => {
  const counts: Record<string, number> = {};
  for (const alert of openAlerts.value.values()) {
    const kind = alert.suppressed === null ? alert.severity : alert.suppressed.by === "shelved" ? "shelved" : "";
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
});

export function TopBar() {
  const id = siteHere.value;
  const site = id === null ? null : siteSignal(id).value;
  const total = openAlerts.value.size;
  const next = language.value === "en" ? "zh" : "en";
  return (
    <header class="topbar">
      <a class="brand" href="/" aria-label={t().app}>
        <img src="/favicon.svg" alt="" width="26" height="26" />
        <span class="brand-name">{t().app}</span>
      </a>
      {site && <a class="topbar-site" href={siteUrl(site.id)}><Words of={site.name} /></a>}
      <a class="topbar-alerts" href="/alerts">
        <span class={total === 0 ? "topbar-quiet" : "hidden"}>{t().open_alerts(total)}</span>
        {total > 0 && <Marks counts={alertCounts.value} />}
      </a>
      <Lamp site={id} zone={site?.timezone ?? "UTC"} />
      <div class="topbar-tools">
        <button type="button" class="tool" lang={next === "zh" ? "zh-CN" : "en"} onClick={() => void chooseLanguage(next)}
          aria-label={t().language_other}>
          <span class="tool-text">{t().language_other}</span>
        </button>
        <button type="button" class="tool" onClick={nextTheme} title={`${t().theme}: ${themeWord(theme.value)}`}
          aria-label={`${t().theme}: ${themeWord(theme.value)}`}>
          <Icon name={THEME_ICON[theme.value]} />
        </button>
        <button type="button" class="tool tool-keys" aria-label={t().shortcuts} title={t().shortcuts} onClick={() => { helpOpen.value = true; }}>
          <Icon name="keyboard" />
        </button>
        {session.value && (
          <span class="topbar-user" title={t().signed_in_as(session.value.user, word("role", session.value.role))}>
            <Icon name="user" /><span class="topbar-user-name">{session.value.user}</span>
          </span>
        )}
        <button type="button" class="tool" aria-label={t().sign_out} title={t().sign_out} onClick={() => void signOut()}>
          <Icon name="out" />
        </button>
      </div>
    </header>
  );
}
