import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { post, Problem, remove } from "../api/http";
import { useResource } from "../api/resource";
import { Act } from "../components/Act";
import { spanText } from "../components/Age";
import { Panel } from "../components/Panel";
import { Empty, Failed, Loading } from "../components/States";
import { useTitle } from "../components/title";
import { e } from "../i18n/entry";
import { useLostFocus } from "./focus";
import { whyRefused } from "./refusal";
import type { Bus, Scan, ScanState } from "./scan";
import { copyText } from "./Secret";
import { UnitCard } from "./UnitCard";

const POLL_MS = 1_500;

function StartForm({ buses, last, onStart }: { buses: readonly Bus[]; last: string | undefined; onStart: () => void }) {
  const chosen = useSignal(last ?? buses[0]!.id);
  const busy = useSignal(false);
  const problem = useSignal<Problem | null>(null);
  const bus = buses.find((one) => one.id === chosen.value) ?? buses[0]!;
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const units = String(form.get("units") ?? "").trim();
    busy.value = true;
    problem.value = null;
    try {
      await post("/scan", { bus: bus.id, thorough: form.get("thorough") !== null, ...(units === "" ? {} : { units }) });
      onStart();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problem.value = error;
    } finally {
      busy.value = false;
    }
  };
  return (
    <form class="form scan-form" onSubmit={(event) => void submit(event)}>
      <div class="field-pair">
        <label class="field">
          <span>{e().scan_bus}</span>
          <select value={bus.id} onChange={(event) => { chosen.value = event.currentTarget.value; }}>
            {buses.map((one) => <option key={one.id} value={one.id}>{e().bus_option(one.id, one.url)}</option>)}
          </select>
        </label>
        <label class="field"><span>{e().scan_units}</span><input name="units" maxLength={1000} inputMode="text" autocomplete="off" spellcheck={false} placeholder={"1-247"} /></label>
      </div>
      <p class="muted">{e().bus_devices(bus.devices)} {e().bus_about(spanText(bus.about_s * 1000))}</p>
      <label class="check"><input type="checkbox" name="thorough" /> {e().thorough}</label>
      {problem.value !== null && <p class="form-error" role="alert">{whyRefused(problem.value)}</p>}
      <div class="form-buttons"><Act role="admin" type="submit" kind="primary" busy={busy.value}>{e().scan_start}</Act></div>
    </form>
  );
}

function Running({ scan, acted, onStop }: { scan: Scan; acted: boolean; onStop: () => void }) {
  const ref = useLostFocus<HTMLDivElement>(acted);
  const busy = useSignal(false);
  const problem = useSignal<Problem | null>(null);
  const stop = async (): Promise<void> => {
    busy.value = true;
    try {
      await remove("/scan");
      onStop();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problem.value = error;
    } finally {
      busy.value = false;
    }
  };
  const where = scan.doing === "asking" ? e().scan_asking(scan.done, scan.total, scan.answered) : e().scan_identifying(scan.done, scan.total);
  // The bar is one way through both: being asked is most of it.
  const share = scan.total === 0 ? 0 : scan.done / scan.total;
  return (
    <div class="stack quiet-focus" ref={ref} tabIndex={-1}>
      <p class="muted">{e().scan_of(scan.bus, scan.by)}</p>
      <progress class="scan-bar" max={1} value={scan.doing === "asking" ? share * 0.85 : 0.85 + share * 0.15} aria-label={e().scan_progress} aria-valuetext={where} />
      <div class="scan-where">
        <p class="tabular">{where}{scan.left_ms !== null && <span class="muted"> · {e().scan_left(spanText(scan.left_ms))}</span>}</p>
        <Act role="admin" busy={busy.value} onClick={() => void stop()}>{e().scan_stop}</Act>
      </div>
      {problem.value !== null && <p class="form-error" role="alert">{whyRefused(problem.value)}</p>}
    </div>
  );
}

/** How the last scan ended, and what was odd about it. */
function Over({ scan, acted }: { scan: Scan; acted: boolean }) {
  const ref = useLostFocus<HTMLDivElement>(acted);
  const said = scan.state === "failed" ? e().scan_failed : scan.state === "stopped" ? e().scan_stopped(scan.units.length) : e().scan_done(scan.units.length);
  return (
    <div class="scan-over quiet-focus" ref={ref} tabIndex={-1}>
      <p class="scan-done"><b role="status">{said}</b> <span class="muted">{e().scan_of(scan.bus, scan.by)}</span></p>
      {scan.why !== null && <p lang="en">{scan.why}</p>}
      {scan.state === "done" && scan.units.length === 0 && <p class="muted">{e().scan_nobody_hint}</p>}
      {scan.garbled.length > 0 && <p>{e().scan_garbled(scan.garbled.slice(0, 10).join(", "))}</p>}
      {scan.missing > 0 && <p class="muted">{e().scan_missing(scan.missing)}</p>}
      {scan.skipped.length > 0 && <p>{e().scan_skipped(scan.skipped.join(", "))}</p>}
    </div>
  );
}

function Entries({ yaml, bus }: { yaml: string; bus: string }) {
  const ref = useRef<HTMLPreElement>(null);
  const download = (): void => {
    const url = URL.createObjectURL(new Blob([yaml], { type: "application/yaml" }));
    const link = document.createElement("a");
    link.href = url;
    link.download = `${bus}.yaml`;
    link.click();
    URL.revokeObjectURL(url);
  };
  return (
    <div class="stack">
      <p class="muted">{e().entries_hint}</p>
      <pre class="yaml" ref={ref} tabIndex={0} aria-label={e().entries}>{yaml}</pre>
      <div class="form-buttons">
        <button type="button" class="button" onClick={() => ref.current && void copyText(ref.current)}>{e().copy}</button>
        <button type="button" class="button" onClick={download}>{e().download}</button>
      </div>
    </div>
  );
}

function Found({ scan }: { scan: Scan | null }) {
  if (scan === null || scan.units.length === 0) return <Panel title={e().found} flush><Empty title={e().found_none} {...(scan === null ? { hint: e().found_none_hint } : {})} /></Panel>;
  return (
    <>
      <Panel title={e().found} flush><ul class="found">{scan.units.map((unit) => <UnitCard key={unit.unit} unit={unit} />)}</ul></Panel>
      <Panel title={e().entries}>
        {scan.yaml === null ? <Empty title={e().entries_none} hint={e().entries_none_hint} /> : <Entries yaml={scan.yaml} bus={scan.bus} />}
      </Panel>
    </>
  );
}

export function CommissionPage() {
  useTitle(e().commission);
  const asked = useResource<ScanState>("/scan", POLL_MS);
  const state = asked.data.value;
  const scan = state?.scan ?? null;
  const acted = useRef(false);
  const act = (): void => {
    acted.current = true;
    asked.refresh();
  };
  return (
    <>
      <div class="page-head"><h1>{e().commission}</h1></div>
      <p class="muted">{e().commission_lead}</p>
      {asked.problem.value !== null ? <Failed problem={asked.problem.value} retry={asked.refresh} />
        : state === null ? <Loading rows={3} />
        : (
          <>
            <Panel title={e().next_scan}>
              {scan?.state === "running" ? <Running scan={scan} acted={acted.current} onStop={act} />
                : state.buses.length === 0 ? <Empty title={e().no_buses} hint={e().no_buses_hint} />
                : <>{scan !== null && <Over scan={scan} acted={acted.current} />}<StartForm buses={state.buses} last={scan?.bus} onStart={act} /></>}
            </Panel>
            <Found scan={scan} />
          </>
        )}
    </>
  );
}
