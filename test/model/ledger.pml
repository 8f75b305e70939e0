/*
 * One task: its job in the queue, its records, and what its attempts hold in the world.
 *
 * An atomic is one Lua script, one move of the queue, or one act in the world. A pause needs no step of its own: any
 * process may rest between two steps while its lock lapses and others go on. A death ends what a worker does between
 * any two of its steps.
 */
#ifndef CRASHES
#define CRASHES 0 /* workers that die, at most 2 */
#endif
#ifndef LAPSES
#define LAPSES 0 /* times a living worker loses its lock, or has to think so */
#endif
#ifndef RETRIES
#define RETRIES 0 /* attempts that end while the task goes on */
#endif
#ifndef FAULTS
#define FAULTS 0 /* releases that do not succeed */
#endif
#define EPOCHS 9

mtype = { WAITING, ACTIVE, GONE };
mtype = { NONE, OPEN, CLOSED };
mtype = { FINISH, GO_ON, SURRENDER };

/* The queue. The lock carries the token of a runner; 0 is nobody's. */
mtype job = WAITING;
byte lock;

/* The records: the newest epoch, the outcomes written, the flag, the ledger row of each epoch. */
byte epoch, outcomes;
bool isCancelled;
mtype row[EPOCHS] = NONE;

/* The world. `isUnwinding`: the attempt is still there to clean up by itself. */
bool isDead[4];
byte ownerOf[EPOCHS];
bool isHeld[EPOCHS], isUnwinding[EPOCHS];

byte crashes, lapses, retries, faults;

/* Runners 1 and 2 are of worker 1, 3 of 2, 4 of 3. Worker 3 replaces the first that dies. */
#define workerOf(runner) (runner <= 2 -> 1 : runner - 1)

/* Workers 1 and 2 are alike, so the first delivery goes to runner 1. */
#define mayTake(runner) (runner == 1 || (epoch + crashes + lapses > 0 && (runner != 4 || crashes > 0)))

#ifdef NO_FENCE
#define mayWrite(e) true
#else
#define mayWrite(e) (outcomes == 0 && epoch == e)
#endif

#ifdef RECLAIM_ON_SILENCE
#define hasGrounds(e) true
#else
#define hasGrounds(e) (isDead[ownerOf[e]] || !isUnwinding[e])
#endif

#define isReclaimable(e) (row[e] == OPEN && hasGrounds(e))

/* Giving a resource back, which may not succeed. */
inline giveBack(e) {
  atomic {
    if
    :: isHeld[e] = false; isReleased = true
    :: faults < FAULTS -> faults++; isReleased = false
    fi
  }
}

/* Closing its row, where it was given back. */
inline closeRow(e) {
  if
  :: isReleased -> row[e] = CLOSED; ownerOf[e] = 0; isReleased = false
  :: else
  fi
}

/* What an heir and a sweep do: each row by a RELEASE of its own. */
inline reclaim(e) {
  giveBack(e);
  atomic { closeRow(e) }
}

inline findReclaimable(e) {
  do
  :: e < EPOCHS && !isReclaimable(e) -> e++
  :: else -> break
  od
}

/* A runner that notices a lapse unwinds at once; one that notices nothing goes on. */
inline mayNoticeLapse() {
  if
  :: true
  :: lock != me -> ending = SURRENDER; goto unwind
  :: lock == me && lapses < LAPSES -> lapses++; ending = SURRENDER; goto unwind
  fi
}

/* HOLD, as intent or as acquired. */
inline writeRow() {
  atomic {
    mayNoticeLapse();
    if
    :: mayWrite(mine) -> row[mine] = OPEN; ownerOf[mine] = workerOf(me)
    :: else -> ending = SURRENDER; goto unwind
    fi;
    if
    :: isCancelled -> goto unwind
    :: else
    fi
  }
}

inline acquire() {
  atomic {
    mayNoticeLapse();
    isHeld[mine] = true;
#ifndef ROW_AFTER_ACQUIRE
    assert(row[mine] == OPEN) /* what is held has an open row */
#endif
  }
}

/* The attempt is no longer there to clean up by itself. A task that is closed unopened has none. */
inline leave() {
  if
  :: isOpened -> isUnwinding[mine] = false; isOpened = false
  :: else
  fi
}

/* A move of the job is refused where the lock is another's. */
inline move(to) {
  atomic {
    if
    :: lock == me -> job = to; lock = 0
    :: else
    fi;
    assert(job != GONE || outcomes > 0); /* a job that has left has its outcome */
    mine = 0;
    ending = FINISH
  }
}

proctype Runner(byte me) {
  byte mine, past;
  mtype ending = FINISH;
  bool isOpened, isReleased;
  {
    past = 0;
end_idle:
    atomic { job == WAITING && mayTake(me) -> job = ACTIVE; lock = me };

    atomic { /* OPEN */
      if
      :: outcomes > 0 -> goto finish
      :: outcomes == 0 && isCancelled -> mine = epoch
      :: else ->
        epoch++;
        assert(epoch < EPOCHS);
        mine = epoch;
        isOpened = true;
        isUnwinding[mine] = true
      fi;
      past = 1;
      findReclaimable(past)
    };
    do
    :: past < EPOCHS -> reclaim(past); atomic { past++; findReclaimable(past) }
    :: else -> break
    od;
    atomic {
      past = 0;
      if
      :: isOpened
      :: else -> goto close
      fi
    };

#ifdef ROW_AFTER_ACQUIRE
    acquire();
    writeRow();
#else
    writeRow();
    acquire();
    writeRow();
#endif
    atomic {
      mayNoticeLapse();
      if
      :: true
      :: retries < RETRIES -> retries++; ending = GO_ON
      fi
    };

unwind:
    if
    :: row[mine] != NONE || isHeld[mine] -> giveBack(mine)
    :: else
    fi;
    atomic {
      if
      :: ending == FINISH
      :: else -> /* END_ATTEMPT: rows are closed whatever the fence says */
        closeRow(mine);
        leave();
        if
        :: ending == GO_ON && mayWrite(mine) -> goto handBack
        :: else -> goto surrender
        fi
      fi
    };

close:
    atomic { /* CLOSE: likewise */
      closeRow(mine);
      leave();
      if
      :: mayWrite(mine) -> outcomes++
      :: !mayWrite(mine) && outcomes > 0
      :: else -> goto surrender
      fi;
      assert(outcomes == 1) /* one outcome */
    };

finish:
    move(GONE);
    goto end_idle;

surrender:
#ifdef SURRENDER_ENDS_JOB
    move(GONE);
    goto end_idle;
#endif

handBack:
    move(WAITING);
    goto end_idle
  } unless {
    atomic { isDead[workerOf(me)] -> mine = 0; past = 0; ending = FINISH; isOpened = false; isReleased = false }
  }
}

#ifndef NO_SWEEP
/* A living worker that looks after what the dead left, and after what its own attempts could not give back. */
proctype Sweep() {
  byte e;
  bool isReleased;
end_idle:
  atomic {
    isReclaimable(1) || isReclaimable(2) || isReclaimable(3) || isReclaimable(4) ||
    isReclaimable(5) || isReclaimable(6) || isReclaimable(7) || isReclaimable(8) ->
      e = 1;
      findReclaimable(e)
  };
  reclaim(e);
  e = 0;
  goto end_idle
}
#endif

/* The queue hands the job of a silent owner to another one, whether it is dead or merely late. */
proctype Stalls() {
end_idle:
  do
  :: atomic { job == ACTIVE && isDead[workerOf(lock)] -> job = WAITING; lock = 0 }
  :: atomic { job == ACTIVE && lapses < LAPSES -> lapses++; job = WAITING; lock = 0 }
  od
}

proctype Deaths() {
  do
  :: atomic { crashes < CRASHES && !isDead[1] -> crashes++; isDead[1] = true }
  :: atomic { crashes < CRASHES && !isDead[2] -> crashes++; isDead[2] = true }
  :: atomic { 0 < crashes && crashes < CRASHES && !isDead[3] -> crashes++; isDead[3] = true }
  :: job == GONE -> break
  od
}

proctype Cancel() {
end_idle:
  atomic { outcomes == 0 -> isCancelled = true }
}

init {
  byte e;
  atomic {
    run Runner(1); run Runner(3); run Runner(4);
#ifdef OWN_HEIR
    run Runner(2); /* worker 1 may be its own heir */
#endif
    run Stalls(); run Deaths(); run Cancel();
#ifndef NO_SWEEP
    run Sweep();
#endif
  };
  atomic {
    timeout ->
      assert(job == GONE && outcomes == 1); /* the task has ended */
      e = 1;
      do
      :: e < EPOCHS -> assert(!isHeld[e]); assert(row[e] != OPEN); e++ /* nothing is left */
      :: else -> break
      od
  }
}
