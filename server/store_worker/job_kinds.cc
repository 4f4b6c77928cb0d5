#include "server/store_worker/job_kinds.h"

namespace hauspost::store_worker {

namespace {

constexpr JobKind kKinds[] = {
    {"check", JobNeeds::kEither, true, check_job},
    {"repair", JobNeeds::kEither, true, repair_job},
    {"compact", JobNeeds::kMounted, true, compact_job},
    {"rebuild-index", JobNeeds::kDismounted, true, rebuild_index_job},
    {"copy-files", JobNeeds::kDismounted, true, copy_files_job},
    {"delete-files", JobNeeds::kEither, true, delete_files_job},
    {"backup", JobNeeds::kEither, true, backup_job},
    {"restore", JobNeeds::kDismounted, true, restore_job},
    {"restore-mailbox", JobNeeds::kMounted, true, restore_mailbox_job},
    {"import", JobNeeds::kMounted, false, import_job},
    {"export", JobNeeds::kMounted, false, export_job},
    {"transfer-forget", JobNeeds::kMounted, false, forget_transfer_job},
    {"search-rebuild", JobNeeds::kEither, false, search_rebuild_job},
};

}  // namespace

std::span<const JobKind> job_kinds() { return kKinds; }

}  // namespace hauspost::store_worker
