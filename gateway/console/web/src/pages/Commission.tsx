import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { post, Problem, remove } from "../api/http";
import { useResource } from "../api/resource";
import type { Scan, ScannedUnit, System } from "../api/types";
import { Act } from "../components/Act";
import { amount } from "../components/amount";
import { spanText } from "../components/Age";
import { Mark } from "../components/Mark";
import { Panel } from "../components/Panel";
import { Empty, Failed, Loading, problemText } from "../components/States";
import { say } from "../components/Toast";
import { useTitle } from "../components/title";
import { Words } from "../components/Words";
import { t } from "../i18n/language";

const SURE = 0.9;

function Found({ unit }: { unit: ScannedUnit }) {
  return (
    <tr>
      <th scope="row" class="number">{unit.unit}</th>
      <td>{unit.profile ?? <span class="muted">{t().scan_unknown}</span>} {unit.profile !== null && unit.confidence < SURE && <><Mark kind="medium" /> {t().scan_unsure}</>}
        <br /><span class="muted">{[unit.vendor, unit.model, unit.serial].filter((text) => text !== "").join(" · ")}</span></td>
      <td class="number">{unit.profile === null ? "–" : amount(Math.round(unit.confidence * 100), "%")}</td>
      <td>
        <ul class="plain">{Object.entries(unit.values).filter(([, value]) => typeof value === "number").slice(0, 6).map(([name, value]) => <li key={name}><span class="muted">{name}</span> {amount(value as number)}</li>)}</ul>
        {unit.findings.map((finding) => <p key={finding.check}><Mark kind="medium" /> <Words of={finding.message} />: <Words of={finding.remedy} /></p>)}
      </td>
    </tr>
  );
}

/** Find what hangs on a bus, see that it makes sense, and take the entries over into the site file. */
export function CommissionPage() {
  useTitle(t().commission);
  const system = useResource<System>("/system");
  const asked = useResource<Scan>("/scan", 1_000);
  const busy = useSignal(false);
  const problem = useSignal<string | null>(null);
  const scan = asked.data.value;
  const running = scan?.state === "running";
  useEffect(() => { problem.value = null; }, [scan?.state]);

  const begin = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const units = String(form.get("units") ?? "").trim();
    busy.value = true;
    try {
      await post("/scan", { bus: String(form.get("bus")), ...(units === "" ? {} : { units }) });
      problem.value = null;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problem.value = problemText(error);
    }
    busy.value = false;
    asked.refresh();
  };
  const stop = async (): Promise<void> => {
    await remove("/scan").catch((error: unknown) => { if (error instanceof Problem) say(problemText(error)); else throw error; });
    asked.refresh();
  };
  if (system.data.value === null) return system.problem.value ? <Failed problem={system.problem.value} retry={system.refresh} /> : <Loading rows={4} page={t().commission} />;
  const { progress } = scan ?? { progress: null };
  const yaml = scan?.result?.yaml ?? "";
  return (
    <>
      <div class="page-head"><h1>{t().commission}</h1><span class="muted">{t().scan_lead}</span></div>
      <Panel title={t().scan_bus}>
        <form class="form form-row" onSubmit={(event) => void begin(event)}>
          <label class="field"><span>{t().scan_bus}</span>
            <select name="bus">{system.data.value.buses.map((bus) => <option key={bus.id} value={bus.id}>{`${bus.id}  ${bus.url}`}</option>)}</select>
          </label>
          <label class="field"><span>{t().scan_units} <span class="muted">({t().arg_optional})</span></span><input name="units" placeholder={"1-30"} maxLength={200} autocomplete="off" /></label>
          <div class="form-buttons">
            {running ? <Act role="admin" onClick={() => void stop()}>{t().scan_stop}</Act> : <Act role="admin" type="submit" kind="primary" busy={busy.value}>{t().scan_begin}</Act>}
          </div>
        </form>
        {problem.value !== null && <p class="form-error" role="alert">{problem.value}</p>}
        {scan?.state === "failed" && <p class="form-error" role="alert">{scan.problem}</p>}
        {running && (
          <p role="status">
            <progress max={progress?.total ?? 1} value={progress?.done ?? 0} aria-label={t().scan_begin} /> {progress ? t().scan_progress(progress.done, progress.total, progress.found) : t().loading}
            {scan.longest_s !== null && <span class="muted"> · {t().scan_longest(spanText(scan.longest_s * 1_000))}</span>}
          </p>
        )}
        {scan?.state === "stopped" && <p class="muted">{t().scan_stopped}</p>}
      </Panel>
      {scan?.result && (scan.result.devices.length === 0 ? <Empty title={t().scan_none} hint={t().scan_none_hint} /> : (
        <div class="two-columns">
          <Panel title={t().scan_found(scan.result.devices.length)} flush>
            <div class="scroll-x">
              <table class="inputs">
                <thead><tr><th scope="col" class="number">{t().scan_unit}</th><th scope="col">{t().profile}</th><th scope="col" class="number">{t().scan_confidence}</th><th scope="col">{t().scan_values}</th></tr></thead>
                <tbody>{scan.result.devices.map((unit) => <Found key={`${unit.url}${unit.unit}`} unit={unit} />)}</tbody>
              </table>
            </div>
          </Panel>
          <Panel title={t().scan_entries} aside={<button type="button" class="button" onClick={() => { void navigator.clipboard.writeText(yaml).then(() => say(t().scan_copied)); }}>{t().scan_copy}</button>}>
            <p class="muted">{t().scan_entries_hint}</p>
            <pre class="once" tabIndex={0}>{yaml}</pre>
          </Panel>
        </div>
      ))}
    </>
  );
}
