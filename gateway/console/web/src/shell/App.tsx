import { useEffect } from "preact/hooks";
import { Toasts } from "../components/Toast";
import { Failed, Loading, NotFound } from "../components/States";
import { t } from "../i18n/language";
import { SignInPage } from "../pages/SignIn";
import { SitePage } from "../pages/Site";
import { SitesPage } from "../pages/Sites";
import { go, match, place } from "../route";
import { loadSession, session, sessionProblem } from "../session";
import { lazy } from "./lazy";
import { Announcer } from "./Announcer";
import { Help } from "./Help";
import { Menu } from "./Menu";
import { TopBar } from "./TopBar";

const AlertPage = lazy(async () => (await import("../pages/Alert")).AlertPage);
const AlertsPage = lazy(async () => (await import("../pages/Alerts")).AlertsPage);
const DevicePage = lazy(async () => (await import("../pages/Device")).DevicePage);
const TicketPage = lazy(async () => (await import("../pages/Ticket")).TicketPage);
const TicketsPage = lazy(async () => (await import("../pages/Tickets")).TicketsPage);
const HandoverPage = lazy(async () => (await import("../pages/Handover")).HandoverPage);
const BadActorsPage = lazy(async () => (await import("../pages/BadActors")).BadActorsPage);
const SystemPage = lazy(async () => (await import("../pages/System")).SystemPage);
const EntryPage = lazy(async () => (await import("../entry/Entry")).EntryPage);
const TrendsPage = lazy(async () => (await import("../pages/Trends")).TrendsPage);
const WallPage = lazy(async () => (await import("../pages/Wall")).WallPage);
const MorePage = lazy(async () => (await import("../pages/More")).MorePage);

function Page() {
  const { path } = place.value;
  let found: Record<string, string> | null;
  if (path === "/") return <SitesPage />;
  if ((found = match("/sites/:site", path))) return <SitePage key={path} id={found["site"]!} />;
  if ((found = match("/sites/:site/devices/:device", path))) return <DevicePage key={path} site={found["site"]!} id={found["device"]!} />;
  if (match("/alerts", path)) return <AlertsPage />;
  if ((found = match("/alerts/:id", path))) return <AlertPage key={path} id={found["id"]!} />;
  if (match("/tickets", path)) return <TicketsPage />;
  if ((found = match("/tickets/:id", path))) return <TicketPage key={path} id={found["id"]!} />;
  switch (path) {
    case "/handover": return <HandoverPage />;
    case "/bad-actors": return <BadActorsPage />;
    case "/system": return <SystemPage />;
    case "/commission":
    case "/users": return <EntryPage path={path} />;
    case "/trend": return <TrendsPage />;
    case "/wall": return <WallPage />;
    case "/more": return <MorePage />;
  }
  return <NotFound />;
}

/** Whoever came in by the code is told that nobody has an account yet. */
function FirstUser() {
  return <div class="notice"><p>{t().setup_due}</p><a class="button" href="/setup">{t().setup_go}</a></div>;
}

/** Back to the page that was asked for before signing in; only ever one of our own. */
function afterSignIn(): string {
  const wanted = place.peek().search.get("to");
  return wanted !== null && /^\/(?!\/)/.test(wanted) ? wanted : "/";
}

export function App() {
  const signedIn = session.value;
  const { path } = place.value;
  const signInPage = path === "/sign-in";
  const setupPage = path === "/setup";

  useEffect(() => {
    if (signedIn === null && !signInPage && !setupPage) {
      const wanted = location.pathname + location.search;
      go(wanted === "/" ? `/sign-in${location.hash}` : `/sign-in?to=${encodeURIComponent(wanted)}${location.hash}`, true);
    } else if (signedIn && location.pathname === "/sign-in" && !location.hash.startsWith("#code=")) go(afterSignIn(), true);
  }, [signedIn, signInPage, setupPage]);

  if (sessionProblem.value !== null) {
    return <main class="lonely"><Failed problem={sessionProblem.value} retry={() => void loadSession()} /></main>;
  }
  if (signInPage) return <SignInPage />;
  if (setupPage) return <EntryPage path={path} />;
  if (!signedIn) return <main class="lonely"><Loading /></main>;
  return (
    <div class="shell">
      <a class="skip" href="#content">{t().skip_to_content}</a>
      <TopBar />
      <Menu />
      <main id="content" tabIndex={-1}>{signedIn.setup && <FirstUser />}<Page /></main>
      <Toasts />
      <Announcer />
      <Help />
    </div>
  );
}
