/* Pausing and resuming all sending. */
import { post } from "./api";

export const pauseSending = (reason: string) => post("/api/sending/pause", reason ? { reason } : {});
export const resumeSending = () => post("/api/sending/resume", {});
