import { appRoutes } from '@bull-board/api/dist/routes.js';

/** One call of a board: its method, the route it belongs to, and a path of that route. */
export type Call = { method: string; route: string; path: string };

/** Every call the installed board offers, with the names of one queue and one job in place of its parameters. */
export function callsOf(queue: string, jobId: string): Call[] {
  return appRoutes.api.flatMap(({ method, route }) =>
    [method].flat().flatMap((oneMethod) =>
      [route].flat().map((oneRoute) => ({
        method: oneMethod.toUpperCase(),
        route: oneRoute,
        path: oneRoute
          .replace(':queueName', queue)
          .replace(':jobId', jobId)
          .replace(':queueStatus', 'failed')
          .replace(':schedulerId', 'any'),
      })),
    ),
  );
}
