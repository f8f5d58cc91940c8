import { Icon, type IconName } from "../components/Icon";
import { t } from "../i18n/language";
import { openAlerts, openTickets, siteIds } from "../live/store";
import { place } from "../route";
import { hasRole } from "../session";
import { furtherPages } from "./further";

interface Entry { href: string; icon: IconName; text: string; count: number | null; here: boolean; on: "all" | "desk" | "phone" }

export function Menu() {
  const path = place.value.path;
  const entries: Entry[] = [
    { href: "/", icon: "sites", text: siteIds.value?.length === 1 ? t().nav_site : t().nav_sites, count: null, here: path === "/" || path.startsWith("/sites"), on: "all" },
    { href: "/alerts", icon: "alerts", text: t().nav_alerts, count: openAlerts.value.size, here: path.startsWith("/alerts"), on: "all" },
    { href: "/tickets", icon: "tickets", text: t().nav_tickets, count: openTickets.value.size, here: path.startsWith("/tickets"), on: "all" },
    ...furtherPages().filter(({ role }) => hasRole(role)).map(({ href, icon, text }): Entry => ({ href, icon, text, count: null, here: path === href, on: "desk" })),
    { href: "/more", icon: "more", text: t().more, count: null, here: path === "/more" || furtherPages().some(({ href }) => href === path), on: "phone" },
  ];
  return (
    <nav class="menu" aria-label={t().nav_label}>
      <ul>
        {entries.map(({ href, icon, text, count, here, on }) => (
          <li key={href} class={on === "all" ? "" : `menu-${on}`}>
            <a href={href} {...(here ? { "aria-current": "page" as const } : {})}>
              <Icon name={icon} size={22} />
              <span>{text}</span>
              {count !== null && count > 0 && <span class="menu-count">{count}</span>}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}
