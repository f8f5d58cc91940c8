/** Where a number stands within its possible range; words say the same beside it. */
export function RangeBar({ value, range }: { value: number | null; range: [number, number] | null }) {
  if (range === null || range[1] <= range[0]) return <span class="range range-none" aria-hidden="true" />;
  const [low, high] = range;
  const at = (number: number): number => Math.max(0, Math.min(100, ((number - low) / (high - low)) * 100));
  const zero = at(0);
  if (value === null) return <span class="range" aria-hidden="true" />;
  const here = at(value);
  return (
    <span class="range" aria-hidden="true">
      <span class="range-fill" style={{ left: `${Math.min(zero, here)}%`, width: `${Math.abs(here - zero)}%` }} />
      <span class="range-mark" style={{ left: `${here}%` }} />
    </span>
  );
}
