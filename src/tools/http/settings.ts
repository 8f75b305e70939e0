import { z } from 'zod';
import { type Section, sectionShape } from '../../contract/setting.ts';
import { problemOfSubnet } from '../../outbound/address.ts';
import { readUrlPattern } from '../../outbound/url-pattern.ts';

const MAX_PATTERNS = 100;

/** A text for which `problemOf` returns no problem. */
function checked(problemOf: (text: string) => string | null) {
  return z.string().superRefine((text, context) => {
    const message = problemOf(text);
    if (message !== null) context.addIssue({ code: 'custom', message });
  });
}

const pattern = checked((text) => {
  const reading = readUrlPattern(text);
  return reading.status === 'read' ? null : reading.problem;
});

/** The settings of `http`: what the toolset `http` may call. */
export const HTTP_SETTINGS = {
  allow: {
    type: z.array(pattern).max(MAX_PATTERNS).default([]),
    meaning:
      'the [addresses](how-to/let-a-child-call-http.md) that the toolset `http` may call, such as `https://api.example.com/v1/*`; without one, workers do not have the toolset',
  },
  private_addresses: {
    type: z.array(checked(problemOfSubnet)).max(MAX_PATTERNS).default([]),
    meaning:
      'subnets that the toolset `http` may connect to although they are [not public](explanations/security.md#addresses-that-a-child-calls), such as `10.1.0.0/16`',
  },
} satisfies Section;

/** The schema of {@link HTTP_SETTINGS}. */
export const HttpSettings = z.strictObject(sectionShape(HTTP_SETTINGS));
/** What the toolset `http` may call; see {@link HTTP_SETTINGS}. */
export type HttpSettings = z.infer<typeof HttpSettings>;
