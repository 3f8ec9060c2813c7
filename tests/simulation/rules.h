/* Rules that can be broken on purpose, each in what surrounds the core: to show that it is seen. */
#ifndef TESTS_SIMULATION_RULES_H
#define TESTS_SIMULATION_RULES_H

#define RULES(RULE)                                                                                \
    RULE(QUEUE_ANSWERED_EARLY, "queue-answered-early", "W1: an id is given out before the commit") \
    RULE(OFFER_BEFORE_COMMIT, "offer-before-commit", "W2: a hand-over is answered before it")      \
    RULE(RELEASE_BEFORE_COMMIT, "release-before-commit", "W3: an ack is answered before it")       \
    RULE(REPORT_ACK_BEFORE_COMMIT, "report-ack-before-commit",                                     \
         "W5: a report is answered before it")                                                     \
    RULE(REQUEUE_WITHOUT_PROOF, "requeue-without-proof",                                           \
         "what a phone was released goes back to the queue when it connects anew")                 \
    RULE(ACK_OF_ANY_ATTEMPT, "ack-of-any-attempt", "an ack counts for whatever attempt it is of")  \
    RULE(UNKNOWN_OVER_SENT, "unknown-over-sent", "silence also ends what was sent")                \
    RULE(SILENCE_AT_ONCE, "silence-at-once", "a message is given up long before the horizon")      \
    RULE(OFFERS_FORGOTTEN, "offers-forgotten", "nobody queues again what was offered in vain")     \
    RULE(HOPELESS_TRIED_AGAIN, "hopeless-tried-again",                                             \
         "a message that fits into no frame is queued again")                                      \
    RULE(PHONE_SUBMITS_FIRST, "phone-submits-first", "W4: the phone journals after the radio")     \
    RULE(PHONE_SENDS_AGAIN, "phone-sends-again", "after a crash the phone hands it over again")

enum rule {
    RULE_NONE,
#define RULE(id, name, meaning) RULE_##id,
    RULES(RULE)
#undef RULE
        RULE_COUNT
};

#endif
