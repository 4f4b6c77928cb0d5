#include "server/child/jobs.pb.h"
#include "server/store_worker/job_kinds.h"
#include "store/verify.h"

namespace hauspost::store_worker {

Result<std::string> check_job(JobContext& context, std::string_view request) {
  TRY(parse_job_request<child::wire::CheckRequest>(request));
  context.progress.begin("checking", 0);
  TRY_ASSIGN(const store::VerifyReport found, context.database != nullptr
                                                  ? context.database->verify()
                                                  : store::verify(context.settings.database_path));
  child::wire::CheckReport report;
  report.set_records(found.records);
  report.set_mailboxes(found.mailboxes);
  report.set_folders(found.folders);
  report.set_messages(found.messages);
  report.set_bodies(found.bodies);
  report.set_index_checked(found.index_checked);
  for (const std::string& fault : found.faults) report.add_faults(fault);
  return report.SerializeAsString();
}

}  // namespace hauspost::store_worker
