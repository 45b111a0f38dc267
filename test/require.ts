/**
 * Whether tests must do without a real component. On a laptop a missing one skips its tests with the reason; where the
 * environment variable `SQUALL_REQUIRE` names it (a comma-separated list, as in CI) a missing one is a failure instead.
 *
 * @returns false when it is there, else the reason, for `describe.skipIf` and the title
 * @throws Error when it is required
 */
export function missing(component: string, isThere: boolean): string | false {
  if (isThere) return false;
  const required = (process.env.SQUALL_REQUIRE ?? '').split(',').includes(component);
  if (required) throw new Error(`${component} is required by SQUALL_REQUIRE and was not found`);
  return `skipped: no ${component} found`;
}
