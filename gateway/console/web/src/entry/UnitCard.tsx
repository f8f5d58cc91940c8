import { momentText } from "../components/Age";
import { Icon } from "../components/Icon";
import { Words } from "../components/Words";
import { formatNumber, withUnit } from "../format";
import { e, entryWord } from "../i18n/entry";
import { locale } from "../i18n/language";
import { siteIds, siteSignal } from "../live/store";
import { deviceUrl } from "../route";
import type { FoundUnit, FoundValue } from "./scan";

const FIRST = 6;

function valueText({ value, unit }: FoundValue): string {
  return typeof value === "number" ? withUnit(value, unit, locale()) : String(value ?? "–");
}

function Values({ values }: { values: readonly FoundValue[] }) {
  return (
    <dl class="found-values">
      {values.map((one) => <div key={one.point}><dt><Words of={one.label} /></dt><dd>{valueText(one)}</dd></div>)}
    </dl>
  );
}

/** The site file's own name of this unit, with the way to its living values. */
function Known({ device }: { device: string }) {
  const site = siteIds.value?.[0];
  return <p>{e().in_site_file} {site === undefined ? <b>{device}</b> : <a href={deviceUrl(site, device)}><b>{device}</b></a>}</p>;
}

function Guess({ unit }: { unit: FoundUnit }) {
  if (unit.profile === null) return <p class="muted">{e().profile_none}</p>;
  const others = unit.candidates.map((one) => `${one.profile} ${formatNumber(one.confidence, "", locale())}`);
  return (
    <p>
      <b>{unit.profile}</b> <span class="muted">{e().confidence(formatNumber(unit.confidence, "", locale()))} · </span>{unit.sure ? e().sure : e().unsure}
      {others.length > 0 && <span class="muted"> · {e().rather} {others.join(", ")}</span>}
    </p>
  );
}

/** A unit that answers: what it is, what it says now, and whether that can be. */
export function UnitCard({ unit }: { unit: FoundUnit }) {
  const site = siteIds.value?.[0];
  const zone = (site === undefined ? null : siteSignal(site).value?.timezone) ?? "UTC";
  const named = [unit.vendor, unit.model, unit.serial, unit.version].filter((text) => text !== "").join(" · ");
  return (
    <li class="found-unit">
      <div class="found-head">
        <h3>{e().unit(unit.unit)}</h3>
        {unit.title !== null && <span><Words of={unit.title} /></span>}
        {unit.also_units.length > 0 && <span class="muted">{e().unit_also(unit.also_units.join(", "))}</span>}
        {unit.read !== null && unit.values.length > 0 && <span class="muted found-read">{e().read_at(momentText(unit.read, zone))}</span>}
      </div>
      <Guess unit={unit} />
      {named !== "" && <p class="muted">{named}</p>}
      {unit.device !== null && <Known device={unit.device} />}
      {unit.values.length > 0 && <Values values={unit.values.slice(0, FIRST)} />}
      {unit.values.length > FIRST && <details class="twin"><summary>{e().values_all(unit.values.length)}</summary><Values values={unit.values} /></details>}
      {unit.findings.map((finding) => (
        <p key={finding.check} class="found-finding">
          <Icon name="warning" size={18} /> <span><b>{entryWord("level", finding.level)}</b> <Words of={finding.message} /> – <Words of={finding.remedy} /></span>
        </p>
      ))}
      {unit.profile !== null && unit.values.length > 0 && unit.findings.length === 0 && <p class="found-fine"><Icon name="check" size={18} /> {e().plausible}</p>}
    </li>
  );
}
