/** The images that stacks are made of, by tag (`:latest` is meant); `npm run images` builds them. */
export const IMAGE_NAMES = {
  service: 'squall/service',
  toxiproxy: 'squall/toxiproxy',
  nginx: 'squall/nginx',
  redis: 'squall/redis',
  prometheus: 'squall/prometheus',
} as const;

/** Short name of an image, which is also its folder here. */
export type ImageName = keyof typeof IMAGE_NAMES;

/** The user that every image runs as: no name, no home, no rights. */
export const IMAGE_UID = 10_001;
