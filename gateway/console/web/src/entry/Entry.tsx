import "../styles/entry.css";
import { CommissionPage } from "./Commission";
import { SetupPage } from "./Setup";
import { UsersPage } from "./Users";

/** The pages of who sets a gateway up, and looks after it. */
export function EntryPage({ path }: { path: string }) {
  if (path === "/setup") return <SetupPage />;
  return path === "/users" ? <UsersPage /> : <CommissionPage />;
}
