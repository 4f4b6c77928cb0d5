#include "server/store_worker/job_kinds.h"

namespace hauspost::store_worker {

namespace {

constexpr JobKind kKinds[] = {
    {"check", JobNeeds::kEither, true, check_job},
};

}  // namespace

std::span<const JobKind> job_kinds() { return kKinds; }

}  // namespace hauspost::store_worker
