import type { Role } from "../api/types";
import type { IconName } from "../components/Icon";
import { t } from "../i18n/language";

/** The pages behind sites, alerts and tickets, and who may see them. */
export const furtherPages = (): { href: string; icon: IconName; text: string; role: Role }[] => [
  { href: "/trend", icon: "trend", text: t().trends, role: "viewer" },
  { href: "/handover", icon: "handover", text: t().handover, role: "operator" },
  { href: "/bad-actors", icon: "bell", text: t().bad_actors, role: "operator" },
  { href: "/system", icon: "gateway", text: t().system_page, role: "viewer" },
  { href: "/commission", icon: "find", text: t().nav_commission, role: "admin" },
  { href: "/users", icon: "user", text: t().nav_users, role: "admin" },
  { href: "/wall", icon: "wall", text: t().wall, role: "viewer" },
];
