// Requests as they are kept, and what they count as it crosses between processes.
#include "server/supervisor/transfer_request.h"

#include <catch2/catch.hpp>

using namespace hauspost;
using namespace hauspost::supervisor;

TEST_CASE("transfer request: comes back from its file as it was", "[transfer]") {
  TransferRequest request;
  request.id = Guid::random();
  request.is_export = true;
  request.name = "mine";
  request.mailbox_guid = Guid::random();
  request.mailbox = "a@example.test";
  request.file = "/x";
  request.format = "zip";
  request.include = {"a", "#Inbox#/*"};
  request.exclude = {"b"};
  request.source_root = "s";
  request.target_root = "t";
  request.bad_items_max = 0;
  request.exclude_dumpster = true;
  request.after_s = 5;
  request.before_s = 7;
  request.from = "f";
  request.subject = "u";
  request.priority = TransferPriority::kHigher;
  request.keep_completed_s = 17;
  request.state = TransferRequest::State::kInProgress;
  request.detail = "d";
  request.created_s = 1;
  request.tally = {1, 2, 3, 4, 5, 6, 7, 8};
  request.done = 9;
  request.total = 10;
  const auto back = from_stored(to_stored(request));
  REQUIRE(back);
  // Whoever reads it was started anew: nothing is under way.
  CHECK(back->state == TransferRequest::State::kQueued);
  TransferRequest again = *back;
  again.state = request.state;
  CHECK(to_stored(again) == to_stored(request));
  CHECK(back->include == request.include);
  CHECK(back->bad_items_max == 0);
  CHECK_FALSE(back->large_items_max);
  CHECK(back->tally.folders_made == 8);
  CHECK(back->priority == TransferPriority::kHigher);
  CHECK_FALSE(from_stored(""));
  CHECK_FALSE(from_stored("\xff\xff"));
  CHECK_FALSE(from_stored(to_stored(TransferRequest())));
}

TEST_CASE("transfer request: states and priorities have words", "[transfer]") {
  TransferRequest request;
  request.state = TransferRequest::State::kCompleted;
  CHECK(state_word(request) == "Completed");
  request.tally.odd = 1;
  CHECK(state_word(request) == "CompletedWithWarning");
  CHECK(*parse_priority("Emergency") == TransferPriority::kEmergency);
  CHECK(word_of(TransferPriority::kLowest) == "lowest");
  CHECK_FALSE(parse_priority("urgent"));
}

TEST_CASE("transfer tally: a step tells it, other text does not", "[transfer]") {
  const transfer::Tally tally{1, 2, 3, 4, 5, 6, 7, UINT64_MAX};
  const std::string text = transfer::step_text("importing", tally);
  const auto back = transfer::parse_step(text);
  REQUIRE(back);
  CHECK(transfer::step_text("importing", *back) == text);
  for (const std::string& other :
       {std::string(), std::string("opening the source"), text.substr(0, text.size() - 1) + "x",
        text + " more=1", text.substr(0, text.rfind(' '))})
    CHECK_FALSE(transfer::parse_step(other));
}
