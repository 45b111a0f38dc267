import type { AdmissionConfig } from './config.ts';

const minutesOf = (time: string) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));

/** Whether a date is in the daily window, in UTC, which may span midnight. `from` belongs to it, `to` does not; equal, they are the whole day. */
export function isOffPeak(window: AdmissionConfig['offPeak'], date: Date): boolean {
  if (window === 'off') return false;
  const minute = date.getUTCHours() * 60 + date.getUTCMinutes();
  const [from, to] = [minutesOf(window.from), minutesOf(window.to)];
  return from < to ? minute >= from && minute < to : minute >= from || minute < to;
}
