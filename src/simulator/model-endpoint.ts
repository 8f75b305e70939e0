import type { IncomingMessage, ServerResponse } from 'node:http';
import { isoNow } from '../base/clock.ts';
import { type Answer, planAnswer, refuse } from './answer.ts';
import type { BackgroundResponses } from './background.ts';
import { badRequest } from './fault.ts';
import { type ModelCall, readModelCall } from './model-call.ts';
import type { Playbook } from './playbook.ts';
import type { PromptCache } from './prompt-cache.ts';
import { type Door, readBody, toDoor, toLogged } from './received.ts';
import { composeReply } from './reply.ts';
import type { LoggedRequest, RequestLog } from './request-log.ts';
import { transmit } from './transmit.ts';

/** The answer to a request, and its model call; `null` if it was not a model call. `end` is called after a whole answer. */
type Settled = { call: ModelCall | null; answer: Answer; end?: () => void };

/** The state that answers need: the directives, the prompt cache, the background responses and the log. */
export type Desk = { playbook: Playbook; cache: PromptCache; background: BackgroundResponses; log: RequestLog };

function settle({ wire, path, key, seq, method }: Door, body: string, res: ServerResponse, desk: Desk): Settled {
  const id = seq.toString(36).padStart(8, '0');
  const requestId = `req_${id}`;
  const stored = desk.background.answer({ method, path }, res, requestId);
  if (stored) return { call: null, answer: stored };
  if (wire === null) {
    return { call: null, answer: refuse(null, badRequest(`Invalid URL (${method} ${path})`, null, 404), requestId) };
  }
  const call = readModelCall(body, { wire, path, key });
  if ('problem' in call) return { call: null, answer: refuse(wire, badRequest(call.problem, call.param), requestId) };
  const play = desk.playbook.choose(call);
  if ('problem' in play) return { call, answer: refuse(wire, badRequest(play.problem), requestId) };
  const { use, end } = desk.cache.look(call);
  const reply = composeReply(call, play, id, use);
  const answer = planAnswer(call, play, reply, requestId);
  if (!call.isBackground) return { call, answer, end };
  const { cut: _, malformed: __, ...directive } = play.directive;
  const whole = planAnswer({ ...call, isStream: true }, { ...play, directive }, reply, requestId);
  return { call, answer: desk.background.begin(whole, answer, call), end };
}

/** Closes the log entry of a request when its answer is complete or its connection ends, whichever comes first. */
function follow(res: ServerResponse, logged: LoggedRequest, log: RequestLog, ending: Answer['ending']): void {
  res.once('close', () => {
    const isOurs = ending === 'reset' || res.writableFinished;
    const asPlanned = ending === 'complete' ? 'complete' : 'cut';
    log.close(logged, isOurs ? asPlanned : 'client_closed', isoNow());
  });
}

/** Answers one request: reads it, plans the answer, logs the request, and sends the answer. */
export async function answerModelCall(
  req: IncomingMessage,
  res: ServerResponse,
  seq: number,
  desk: Desk,
): Promise<void> {
  const body = await readBody(req);
  if (body === null) return;
  const door = toDoor(req, seq);
  const { call, answer, end } = settle(door, body, res, desk);
  const logged = toLogged(req, door, body, call);
  desk.log.open(logged);
  follow(res, logged, desk.log, answer.ending);
  res.once('finish', () => {
    if (answer.status === 200 && answer.ending === 'complete') end?.();
  });
  await transmit(res, answer, () => {
    logged.status = answer.status;
  });
}
