/* Mutations: rules that can be broken on purpose around the core, to show that the invariants notice. */
#ifndef TESTS_SIMULATION_MUTATIONS_H
#define TESTS_SIMULATION_MUTATIONS_H

#define MUTATIONS(MUTATION)                                                                        \
    MUTATION(QUEUE_ANSWERED_EARLY, "queue-answered-early",                                         \
             "W1: an id is given out before the commit")                                           \
    MUTATION(OFFER_BEFORE_COMMIT, "offer-before-commit", "W2: a hand-over is answered before it")  \
    MUTATION(RELEASE_BEFORE_COMMIT, "release-before-commit", "W3: an ack is answered before it")   \
    MUTATION(REPORT_ACK_BEFORE_COMMIT, "report-ack-before-commit",                                 \
             "W5: a report is answered before it")                                                 \
    MUTATION(REQUEUE_WITHOUT_PROOF, "requeue-without-proof",                                       \
             "what a phone was released goes back to the queue when it connects anew")             \
    MUTATION(ACK_OF_ANY_ATTEMPT, "ack-of-any-attempt",                                             \
             "an ack counts for whatever attempt it is of")                                        \
    MUTATION(UNKNOWN_OVER_SENT, "unknown-over-sent", "silence also ends what was sent")            \
    MUTATION(SILENCE_AT_ONCE, "silence-at-once", "a message is given up long before the horizon")  \
    MUTATION(OFFERS_FORGOTTEN, "offers-forgotten", "nobody queues again what was offered in vain") \
    MUTATION(HOPELESS_TRIED_AGAIN, "hopeless-tried-again",                                         \
             "a message that fits into no frame is queued again")                                  \
    MUTATION(PHONE_SUBMITS_FIRST, "phone-submits-first", "W4: the phone journals after the radio") \
    MUTATION(PHONE_SENDS_AGAIN, "phone-sends-again", "after a crash the phone hands it over again")

enum mutation {
    MUTATION_NONE,
#define MUTATION(id, name, meaning) MUTATION_##id,
    MUTATIONS(MUTATION)
#undef MUTATION
        MUTATION_COUNT
};

#endif
