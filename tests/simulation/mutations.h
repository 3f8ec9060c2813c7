/* Mutations: each breaks one rule around the core on purpose, to show that the invariants notice. */
#ifndef TESTS_SIMULATION_MUTATIONS_H
#define TESTS_SIMULATION_MUTATIONS_H

#define MUTATIONS(MUTATION)                                                                        \
    MUTATION(QUEUE_ANSWERED_EARLY, "queue-answered-early",                                         \
             "W1: the client gets the id before the commit")                                       \
    MUTATION(OFFER_BEFORE_COMMIT, "offer-before-commit", "W2: an offer is sent before the commit") \
    MUTATION(RELEASE_BEFORE_COMMIT, "release-before-commit",                                       \
             "W3: a release is sent before the commit")                                            \
    MUTATION(REPORT_ACK_BEFORE_COMMIT, "report-ack-before-commit",                                 \
             "W5: a report is acknowledged before the commit")                                     \
    MUTATION(INCOMING_ACK_BEFORE_COMMIT, "incoming-ack-before-commit",                             \
             "an incoming SMS is acknowledged before the commit")                                  \
    MUTATION(INCOMING_DOUBLED, "incoming-doubled",                                                 \
             "an incoming SMS that comes again is stored again")                                   \
    MUTATION(REQUEUE_WITHOUT_PROOF, "requeue-without-proof",                                       \
             "a released message returns to the queue when its phone reconnects")                  \
    MUTATION(ACK_OF_ANY_ATTEMPT, "ack-of-any-attempt", "an ack of an older attempt counts")        \
    MUTATION(UNKNOWN_OVER_SENT, "unknown-over-sent", "a sent message expires too")                 \
    MUTATION(SILENCE_AT_ONCE, "silence-at-once", "a message expires long before the horizon")      \
    MUTATION(OFFERS_FORGOTTEN, "offers-forgotten", "unanswered offers never return to the queue")  \
    MUTATION(HOPELESS_TRIED_AGAIN, "hopeless-tried-again",                                         \
             "a message that fits into no frame returns to the queue")                             \
    MUTATION(PHONE_SUBMITS_FIRST, "phone-submits-first",                                           \
             "W4: the phone writes its journal after the radio")                                   \
    MUTATION(PHONE_SENDS_AGAIN, "phone-sends-again", "after a crash the phone sends again")        \
    MUTATION(EXPIRES_AFTER_RELEASE, "expires-after-release",                                       \
             "a message expires that a phone may be sending")                                      \
    MUTATION(SCHEDULE_EARLY, "schedule-early", "a message is sent before its time")                \
    MUTATION(TARGET_IGNORED, "target-ignored",                                                     \
             "a message for one phone goes to whichever is the best")                              \
    MUTATION(GROUP_IGNORED, "group-ignored", "a message for a group goes to a phone outside it")   \
    MUTATION(SIM_IGNORED, "sim-ignored", "a message for a SIM goes to a phone without it")         \
    MUTATION(OPTIONS_NOT_TOLD, "options-not-told", "a frame lacks the SIM and the deadline")       \
    MUTATION(DISABLED_IS_GIVEN, "disabled-is-given", "a disabled phone is given messages")         \
    MUTATION(DECISION_UNNOTICED, "decision-unnoticed",                                             \
             "the broker does not notice that a phone was enabled")                                \
    MUTATION(OWN_LIMIT_IGNORED, "own-limit-ignored",                                               \
             "a phone is given more than its own limit of the day")                                \
    MUTATION(KEY_OUTSIDE_TRANSACTION, "key-outside-transaction",                                   \
             "an idempotency key is stored after the message, in a transaction of its own")        \
    MUTATION(BATCH_IN_PIECES, "batch-in-pieces", "each message of a batch has its own commit")     \
    MUTATION(BATCH_CANCEL_SKIPS, "batch-cancel-skips", "cancelling a batch leaves out a message")  \
    MUTATION(RESENT_WITHOUT_CONSENT, "resent-without-consent",                                     \
             "a message that may have been sent is resent, and nobody accepted a duplicate")       \
    MUTATION(PRIORITY_STARVES, "priority-starves", "what has a low priority waits for ever")       \
    MUTATION(OPT_OUT_KEEPS_QUEUED, "opt-out-keeps-queued",                                         \
             "what is queued for a recipient that opts out is sent all the same")                  \
    MUTATION(OPT_IN_IGNORED, "opt-in-ignored", "a recipient that opts in again gets nothing")      \
    MUTATION(EVENT_LOST, "event-lost", "the event of a report is missing in the sequence")         \
    MUTATION(BATCH_FINISHED_EARLY, "batch-finished-early",                                         \
             "a batch is told to be finished when one of its messages is")                         \
    MUTATION(PHONE_SENDS_EXPIRED, "phone-sends-expired", "a phone sends what has expired")         \
    MUTATION(LISTED_BEFORE_COMMIT, "listed-before-commit",                                         \
             "a polled phone is listed a message before its commit")                               \
    MUTATION(LISTED_AFTER_REPORT, "listed-after-report",                                           \
             "a polled phone is listed again what it has reported on")                             \
    MUTATION(LISTED_TO_ANOTHER, "listed-to-another",                                               \
             "what one registration accepted is listed to the next one")                           \
    MUTATION(LISTED_TOO_LONG, "listed-too-long",                                                   \
             "a polled phone is not told when a message expires")                                  \
    MUTATION(CANCELLING_TO_OLD_APP, "cancelling-to-old-app",                                       \
             "an app that would send it is listed what is to be cancelled")                        \
    MUTATION(SEVERAL_TO_APP_OF_ONE, "several-to-app-of-one",                                       \
             "an app that may send twice is listed several messages")                              \
    MUTATION(ACCEPTED_TAKEN_BACK, "accepted-taken-back",                                           \
             "what a polled phone has fetched returns to the queue")                               \
    MUTATION(PROOF_OF_ONE_PART, "proof-of-one-part",                                               \
             "the code of one part of a message proves that nothing was sent")                     \
    MUTATION(REPORTED_BEFORE_COMMIT, "reported-before-commit",                                     \
             "a polled phone's report is answered before the commit")                              \
    MUTATION(APP_SENDS_KNOWN, "app-sends-known", "an app sends what is on its list already")

/* Of rules between two brokers: in their worlds alone. */
#define MUTATIONS_OF_TWO(MUTATION)                                                                 \
    MUTATION(HAND_OVER_ON_OLD_SESSION, "hand-over-on-old-session",                                 \
             "a broker is given messages for a phone that has connected to the other one")         \
    MUTATION(ZOMBIE_HANDS_OVER, "zombie-hands-over",                                               \
             "a broker whose lease was ended is given messages for its phones")                    \
    MUTATION(ZOMBIE_UNTOLD, "zombie-untold",                                                       \
             "a broker is not told that its lease was ended, nor a phone's connection there")      \
    MUTATION(OLD_CONNECTION_STAYS, "old-connection-stays",                                         \
             "a broker is not told that its phone has connected to the other one")                 \
    MUTATION(LEASE_IGNORED, "lease-ignored", "a broker ends another one whose lease lasts")        \
    MUTATION(DEAD_BROKER_STAYS, "dead-broker-stays",                                               \
             "a broker that never comes back is ended by nobody")                                  \
    MUTATION(UNKNOWN_TAKEN_FOR_FAILED, "unknown-taken-for-failed",                                 \
             "a transaction whose outcome is not known is taken for one that failed")              \
    MUTATION(UNKNOWN_TAKEN_FOR_DONE, "unknown-taken-for-done",                                     \
             "a transaction whose outcome is not known is taken for one that was committed")       \
    MUTATION(DOUBT_TAKEN_FOR_FAILED, "doubt-taken-for-failed",                                     \
             "what a claim took whose outcome became known too late stays with its phone")         \
    MUTATION(DOUBT_TAKEN_FOR_DONE, "doubt-taken-for-done",                                         \
             "what such a claim would have taken returns to the queue, also from a later claim")

enum mutation {
    MUTATION_NONE,
#define MUTATION(id, name, meaning) MUTATION_##id,
    MUTATIONS(MUTATION) MUTATION_COUNT_OF_ONE,
    MUTATION_LAST_OF_ONE = MUTATION_COUNT_OF_ONE - 1,
    MUTATIONS_OF_TWO(MUTATION)
#undef MUTATION
        MUTATION_COUNT
};

#endif
