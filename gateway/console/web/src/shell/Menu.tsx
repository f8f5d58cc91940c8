import { Icon, type IconName } from "../components/Icon";
import { t } from "../i18n/language";
import { openAlerts, openTickets, siteIds } from "../live/store";
import { place } from "../route";
import { hasRole } from "../session";

interface Entry { href: string; icon: IconName; text: string; count: number | null; here: boolean }

export function Menu() {
  const path = place.value.path;
  const entries: Entry[] = [
    { href: "/", icon: "sites", text: siteIds.value?.length === 1 ? t().nav_site : t().nav_sites, count: null, here: path === "/" || path.startsWith("/sites") },
    { href: "/alerts", icon: "alerts", text: t().nav_alerts, count: openAlerts.value.size, here: path.startsWith("/alerts") },
    { href: "/tickets", icon: "tickets", text: t().nav_tickets, count: openTickets.value.size, here: path.startsWith("/tickets") },
  ];
  if (hasRole("admin")) {
    entries.push(
      { href: "/commission", icon: "find", text: t().nav_commission, count: null, here: path === "/commission" },
      { href: "/users", icon: "user", text: t().nav_users, count: null, here: path === "/users" },
    );
  }
  return (
    <nav class="menu" aria-label={t().nav_label}>
      <ul>
        {entries.map(({ href, icon, text, count, here }) => (
          <li key={href}>
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
