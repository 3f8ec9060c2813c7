#include "ws-broker/core/configuration.h"

#include "common/base/log.h"
#include "ws-broker/core/allocation.h"
#include "ws-broker/core/broker_state.h"
#include "ws-broker/core/eligibility.h"

#include <stdlib.h>

/* Those of the session, to be changed. */
static struct device_traits *traits_of(struct session *session)
{
    if (!session->traits)
        session->traits = allocation_check(calloc(1, sizeof(*session->traits)));
    return session->traits;
}

void configuration_limit_budget(const struct broker *broker, struct session *session,
                                int64_t now_ms)
{
    static const struct device_limit none;
    store_limit_budget(
        &session->send_budget, session->traits ? &session->traits->window_segments : &none,
        broker->options.segments_burst, broker_options_send_window_ms(&broker->options),
        session_budget_ms(session, now_ms));
}

/* What others say by frames: its SIMs and its battery. */
static void take_said(struct session *session, const struct device_traits *traits)
{
    session->info.sim_slots = traits->sims;
    session->info.battery_level = traits->battery_level;
    session->info.charging = traits->charging;
    configuration_take_sims(session);
}

void configuration_take(struct broker *broker, struct session *session,
                        const struct device_traits *traits, int64_t now_ms)
{
    int64_t known = session->traits ? session->traits->configured : 0;
    if (session->protocol->is_polled && traits->configured >= known)
        take_said(session, traits);
    if (traits->configured <= known)
        return;
    struct device_traits *own = traits_of(session);
    bool was_disabled = own->disabled;
    *own = *traits;
    own->sims = session->info.sim_slots;
    session->disabled = traits->disabled;
    session->daily_limit_until_ms = 0; /* the limit may be another one */
    configuration_limit_budget(broker, session, now_ms);
    if (was_disabled != own->disabled)
        log_info(own->disabled ? "device disabled: it is given no new messages" : "device enabled",
                 LOG_TEXT("device_id", session->device_id));
    broker->dispatch.due = true;
    eligibility_update(broker, session, now_ms);
}

void configuration_changed(struct broker *broker, const struct store_configured_device *device,
                           int64_t now_ms)
{
    struct session *session = session_table_current(&broker->sessions, device->device_id);
    if (session)
        configuration_take(broker, session, &device->traits, now_ms);
}

void configuration_take_sims(struct session *session)
{
    if (session->traits || session->info.sim_slots != 0)
        traits_of(session)->sims = session->info.sim_slots;
}
