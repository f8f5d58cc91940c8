import { useSignal } from "@preact/signals";
import { useResource } from "../api/resource";
import type { Device, RawBlock } from "../api/types";
import { hex } from "../format";
import { t } from "../i18n/language";
import { Age } from "./Age";
import { Empty, Failed, Loading } from "./States";

const PER_LINE = 8;

function Block({ block }: { block: RawBlock }) {
  const lines = Array.from({ length: Math.ceil(block.words.length / PER_LINE) }, (_, index) => index * PER_LINE);
  return (
    <table class="raw">
      <caption>
        <span>{block.table} {block.start}–{block.start + block.count - 1}</span> <span class="muted"><Age ts={block.ts} /></span>
      </caption>
      <tbody>
        {lines.map((at) => (
          <tr key={at}>
            <th scope="row">{block.start + at}</th>
            {block.words.slice(at, at + PER_LINE).map((word, index) => <td key={index} title={String(word)}>{hex(word)}</td>)}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Blocks({ site, id }: { site: string; id: string }) {
  const asked = useResource<Device>(`/sites/${encodeURIComponent(site)}/devices/${encodeURIComponent(id)}?raw=true`, 5_000);
  const blocks = asked.data.value?.raw?.blocks;
  if (asked.problem.value) return <Failed problem={asked.problem.value} retry={asked.refresh} />;
  if (asked.data.value === null) return <Loading rows={3} />;
  if (!blocks || blocks.length === 0) return <Empty title={t().raw_none} />;
  return <div class="raw-blocks table-scroll" tabIndex={0} role="group" aria-label={t().raw}>{blocks.map((block) => <Block key={`${block.table}${block.start}`} block={block} />)}</div>;
}

/** The words of the last poll, asked for only when somebody wants to see them. */
export function RawRegisters({ site, id }: { site: string; id: string }) {
  const open = useSignal(false);
  return (
    <>
      <button type="button" class="button" aria-expanded={open.value} onClick={() => { open.value = !open.value; }}>
        {open.value ? t().raw_hide : t().raw_show}
      </button>
      {open.value && <Blocks site={site} id={id} />}
    </>
  );
}
