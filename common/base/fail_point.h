/*
 * Fail points: places where the fault tests end a process as a power cut would.
 *
 * In a build with FAIL_POINTS=1 the environment variable FAIL_POINT=name:N ends the process by
 * SIGKILL at the Nth passage (from 1) of the point with that name. Other builds contain no fail points, which a test
 * checks. tests/torture uses each of them.
 */
#ifndef COMMON_BASE_FAIL_POINT_H
#define COMMON_BASE_FAIL_POINT_H

#ifdef FAIL_POINTS
/* Any thread. */
void fail_point(const char *name);
#define FAIL_POINT(name) fail_point(name)
#else
#define FAIL_POINT(name) ((void)0)
#endif

#endif
