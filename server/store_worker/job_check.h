// What the jobs that look for damage share.
#pragma once

#include "server/store_worker/job.h"
#include "store/verify.h"

namespace hauspost::child::wire {
class CheckReport;
}  // namespace hauspost::child::wire

namespace hauspost::store_worker {

// Looks at the whole database, mounted or not.
Result<store::VerifyReport> look_for_damage(JobContext& context);
// Damage that hurts nobody, in records that an image of the index in `folder` makes unneeded.
bool is_covered(const store::Damage& damage, const std::string& folder);
child::wire::CheckReport to_wire(const store::VerifyReport& found, const std::string& folder);

}  // namespace hauspost::store_worker
