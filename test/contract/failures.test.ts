import { expect, test } from 'vitest';
import { FailureCodeText } from '../../src/contract/failure.ts';
import { ATTEMPT_FAILURES } from '../../src/contract/failures/attempt.ts';
import { CHILD_FAILURES } from '../../src/contract/failures/child.ts';
import { INFRASTRUCTURE_FAILURES } from '../../src/contract/failures/infrastructure.ts';
import { PROVIDER_FAILURES } from '../../src/contract/failures/provider.ts';
import { SUBMISSION_FAILURES } from '../../src/contract/failures/submission.ts';
import { FAILURE_CODES } from '../../src/errors.ts';

const FAMILIES = [SUBMISSION_FAILURES, PROVIDER_FAILURES, CHILD_FAILURES, ATTEMPT_FAILURES, INFRASTRUCTURE_FAILURES];

test('every failure code is in one family, and only in one', () => {
  expect(FAMILIES.flatMap((family) => Object.keys(family)).toSorted()).toEqual(FAILURE_CODES.toSorted());
});

test('every failure code fits the schema of a stored failure', () => {
  expect(FAILURE_CODES.filter((code) => !FailureCodeText.safeParse(code).success)).toEqual([]);
});
