import { word } from "../i18n/language";

interface Named { id: string; number: string | null; kind?: string; devices?: readonly string[] }

/** What a ticket is called: its number, or, until it has one, its kind, device and the start of its id. */
export const ticketName = ({ id, number, kind, devices }: Named): string =>
  number ?? [word("kind", kind), devices?.[0], `#${id.slice(0, 6)}`].filter(Boolean).join(" ");

/** The same in a row: the last part of the number says enough there. */
export const shortTicketName = ({ id, number }: Named): string =>
  number === null ? `#${id.slice(0, 6)}` : (number.split("-").at(-1) ?? number);
