#include "server/child/jobs.pb.h"
#include "server/store_worker/job_kinds.h"
#include "store/compaction.h"

namespace hauspost::store_worker {

Result<std::string> compact_job(JobContext& context, std::string_view request) {
  TRY_ASSIGN(const auto wish, parse_job_request<child::wire::CompactRequest>(request));
  store::CompactOptions options;
  if (wish.below_percent() != 0) options.below_percent = wish.below_percent();
  options.bytes_per_second = wish.bytes_per_second();
  options.shrink_index = !wish.keep_index();
  options.dry_run = wish.dry_run();
  TRY_ASSIGN(const store::CompactReport done, context.database->compact(options, context.progress));
  child::wire::CompactReport report;
  report.set_segments(done.segments);
  report.set_segments_dropped(done.segments_dropped);
  report.set_segments_waiting(done.segments_waiting);
  report.set_segments_young(done.segments_young);
  report.set_bodies_moved(done.bodies_moved);
  report.set_bytes_moved(done.bytes_moved);
  report.set_bytes_freed(done.bytes_freed);
  report.set_index_shrunk(done.index_shrunk);
  report.set_index_bytes_before(done.index_bytes_before);
  report.set_index_bytes_after(done.index_bytes_after);
  for (const std::string& fault : done.faults) report.add_faults(fault);
  return report.SerializeAsString();
}

}  // namespace hauspost::store_worker
