/* The core's actions, and its writes at the store. */
#include "ws-broker/core/broker_core.h"

#include "common/base/log.h"

#include <stdlib.h>
#include <string.h>

void *broker_must(void *memory)
{
    if (!memory) {
        log_error("no memory");
        abort();
    }
    return memory;
}

/* ---- Actions ---- */

static void act(struct broker *broker, struct broker_action action)
{
    if (broker->action_first > 0 && broker->action_count == broker->action_capacity) {
        memmove(broker->actions, broker->actions + broker->action_first,
                (broker->action_count - broker->action_first) * sizeof(*broker->actions));
        broker->action_count -= broker->action_first;
        broker->action_first = 0;
    }
    if (broker->action_count == broker->action_capacity) {
        broker->action_capacity = MAX(64, broker->action_capacity * 2);
        broker->actions = broker_must(
            realloc(broker->actions, broker->action_capacity * sizeof(*broker->actions)));
    }
    broker->actions[broker->action_count++] = action;
}

void broker_act_on(struct broker *broker, enum broker_action_type type,
                   const struct session *session)
{
    act(broker, (struct broker_action){.type = type, .session = session->id});
}

bool broker_next_action(struct broker *broker, struct broker_action *action)
{
    if (broker->action_first == broker->action_count) {
        broker->action_first = broker->action_count = 0;
        return false;
    }
    *action = broker->actions[broker->action_first++];
    return true;
}

/* ---- Jobs ---- */

struct job *job_new(enum store_verb verb, session_id session)
{
    struct job *job = broker_must(calloc(1, sizeof(*job)));
    job->write.verb = verb;
    job->session = session;
    return job;
}

void job_submit(struct broker *broker, struct job *job)
{
    broker->jobs++;
    act(broker, (struct broker_action){.type = BROKER_STORE, .write = &job->write});
}

void job_free(struct job *job)
{
    struct store_write *write = &job->write;
    if (write->verb == STORE_DEVICE_CONNECT) {
        device_info_fini(&write->connect.info);
        free(write->connect.held);
        free(write->connect.entries);
    }
    if (write->verb == STORE_FIND_CANCEL_REQUESTS)
        free(write->find_cancel_requests.messages);
    if (write->verb == STORE_FIND_REVOKED_TOKENS)
        free(write->find_revoked_tokens.devices);
    if (write->verb == STORE_DEVICE_UPDATE)
        device_info_fini(&write->update.info);
    if (write->verb == STORE_CLAIM) {
        for (size_t i = 0; i < write->claim.slot_count; i++)
            message_fini(&write->claim.messages[i]);
        free(write->claim.messages);
        free(write->claim.slots);
        free(job->slot_sessions);
    }
    free(job);
}

void job_retry_later(struct broker *broker, struct job *job, int64_t retry_at_ms)
{
    broker->jobs++;
    job->retry_at_ms = retry_at_ms;
    job->next = broker->retries;
    broker->retries = job;
}

/* Submits those whose time has come, in no particular order: each is about another message, or may
   come late. */
void job_retry_due(struct broker *broker, int64_t now_ms)
{
    for (struct job **link = &broker->retries; *link;) {
        struct job *job = *link;
        if (job->retry_at_ms > now_ms) {
            link = &job->next;
            continue;
        }
        *link = job->next;
        broker->jobs--;
        job_submit(broker, job);
    }
}

void job_submit_disconnect(struct broker *broker, const char *device_id, int64_t number)
{
    struct job *job = job_new(STORE_DEVICE_DISCONNECT, 0);
    strcpy(job->write.disconnect.device_id, device_id);
    job->write.disconnect.session = number;
    job_submit(broker, job);
}

void job_fill_slot(struct store_holder *slot, const struct session *session)
{
    strcpy(slot->device_id, session->device_id);
    slot->session = session->connection_epoch;
    slot->assured = session->assured;
    slot->journal = session->journal;
}

struct job *job_new_take_back(const struct message_id *id, unsigned attempt, const char *device_id)
{
    struct job *job = job_new(STORE_RETURN_TO_QUEUE, 0);
    job->write.return_to_queue.id = *id;
    job->write.return_to_queue.attempt = attempt;
    strcpy(job->write.return_to_queue.device_id, device_id);
    return job;
}

void job_submit_take_back(struct broker *broker, const struct message_id *id, unsigned attempt,
                          const char *device_id)
{
    job_submit(broker, job_new_take_back(id, attempt, device_id));
}
