// The kinds of jobs, and the function of each. To add one: declare it here, add its row to the
// table in job_kinds.cc, write it in a file job_NAME.cc, its messages beside jobs.proto.
#pragma once

#include <span>

#include "server/store_worker/job.h"

namespace hauspost::store_worker {

std::span<const JobKind> job_kinds();

Result<std::string> check_job(JobContext& context, std::string_view request);
Result<std::string> repair_job(JobContext& context, std::string_view request);
Result<std::string> compact_job(JobContext& context, std::string_view request);
Result<std::string> rebuild_index_job(JobContext& context, std::string_view request);
Result<std::string> copy_files_job(JobContext& context, std::string_view request);
Result<std::string> delete_files_job(JobContext& context, std::string_view request);

Result<std::string> backup_job(JobContext& context, std::string_view request);
Result<std::string> restore_job(JobContext& context, std::string_view request);
Result<std::string> restore_mailbox_job(JobContext& context, std::string_view request);

Result<std::string> import_job(JobContext& context, std::string_view request);
Result<std::string> export_job(JobContext& context, std::string_view request);
Result<std::string> forget_transfer_job(JobContext& context, std::string_view request);

Result<std::string> search_rebuild_job(JobContext& context, std::string_view request);

}  // namespace hauspost::store_worker
