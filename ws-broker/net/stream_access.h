/* Which API key opens an event stream: as api-fcgi/auth/authorize.h decides it for requests. On the thread of the reader. */
#ifndef WS_BROKER_NET_STREAM_ACCESS_H
#define WS_BROKER_NET_STREAM_ACCESS_H

#include "common/store/store.h"
#include "ws-broker/stream/stream_request.h"

/* The key whose text the client sent: ERROR_NONE, or why it opens nothing, and *detail. */
MUST_CHECK enum error stream_access_check_token(struct store_reader *reader, const char *token,
                                                struct api_key *key, const char **detail);

/* The key or session of that id, which a ticket or an open stream has. */
MUST_CHECK enum error stream_access_check_key(struct store_reader *reader, const char *id,
                                              struct api_key *key, const char **detail);

/* Reduces the types of the request's filter to what these scopes allow. ERROR_SCOPE_MISSING, and the names of what is missing:
   `read`, without which nothing is allowed, or the scopes of types that were asked for by name. */
MUST_CHECK enum error stream_access_limit(struct stream_request *request, unsigned scopes,
                                          char missing[API_SCOPES_TEXT_SIZE]);

#endif
