"""One batch with OpenAI's own client. Arguments: base URL, key, path of the input file, model.
Prints what the client saw as JSON, as `BatchSeen` in batch.test.ts."""

import json
import sys
import time

import openai

base_url, key, path, model = sys.argv[1:]
client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=20)
with open(path, "rb") as content:
    file = client.files.create(file=content, purpose="batch")
batch = client.batches.create(
    input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"name": "test"}
)
while batch.status not in ("completed", "failed", "expired", "cancelled"):
    time.sleep(0.05)
    batch = client.batches.retrieve(batch.id)
output = client.files.content(batch.output_file_id).text if batch.output_file_id else ""
listed = [own.id for own in client.batches.list(limit=1)]
client.files.delete(file.id)
files = [own.id for own in client.files.list()]
try:
    client.files.retrieve(file.id)
    missing = 200
except openai.NotFoundError as error:
    missing = error.status_code
print(
    json.dumps(
        {
            "status": batch.status,
            "counts": batch.request_counts.model_dump(),
            "metadata": batch.metadata,
            "output": output,
            "isListed": batch.id in listed,
            "files": len(files),
            "missing": missing,
        }
    )
)
