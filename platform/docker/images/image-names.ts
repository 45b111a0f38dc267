/** Tags of the images of stacks, each `:latest`; built by `npm run images`. */
export const IMAGE_NAMES = {
  service: 'squall/service',
  toxiproxy: 'squall/toxiproxy',
  nginx: 'squall/nginx',
  redis: 'squall/redis',
  prometheus: 'squall/prometheus',
} as const;

/** Short name of an image, and its folder here. */
export type ImageName = keyof typeof IMAGE_NAMES;

/** User that every image runs as: without name, home or privileges. */
export const IMAGE_UID = 10_001;
