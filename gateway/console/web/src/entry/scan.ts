import type { Value } from "../api/types";
import type { Text } from "../i18n/language";

/** The documents of `/scan`. */
export interface Bus { id: string; url: string; devices: number; about_s: number }
export interface FoundValue { point: string; label: Text; unit: string; value: Value }
export interface Finding { check: string; level: "wrong" | "look"; points: string[]; message: Text; remedy: Text }
export interface FoundUnit {
  unit: number; also_units: number[]; device: string | null; profile: string | null; title: Text | null;
  confidence: number; sure: boolean; candidates: { profile: string; confidence: number }[];
  vendor: string; model: string; serial: string; version: string; read: number | null; values: FoundValue[]; findings: Finding[];
}
export interface Scan {
  bus: string; by: string; state: "running" | "done" | "stopped" | "failed"; started: number; ended: number | null;
  doing: "asking" | "identifying"; done: number; total: number; answered: number; left_ms: number | null;
  why: string | null; missing: number; garbled: number[]; skipped: string[]; units: FoundUnit[]; yaml: string | null;
}
export interface ScanState { buses: Bus[]; scan: Scan | null }
