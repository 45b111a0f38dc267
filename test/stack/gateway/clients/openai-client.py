"""One chat request with OpenAI's own client. Arguments: base URL, key, model, and "whole", "stream" or "leave" (after the first token).
Prints the response as JSON, as `Response` in client.ts."""

import json
import sys
import time

import openai

base_url, key, model, mode = sys.argv[1:]
client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=20)
messages = [{"role": "user", "content": "hi"}]
text = ""
times = []


def show(**more):
    spread = (times[-1] - times[0]) * 1000 if times else 0
    print(json.dumps({"text": text, "spreadMs": spread, **more}))


try:
    if mode == "whole":
        text = client.chat.completions.create(model=model, messages=messages).choices[0].message.content
    else:
        with client.chat.completions.create(model=model, messages=messages, stream=True) as events:
            for event in events:
                text += event.choices[0].delta.content or ""
                times.append(time.monotonic())
                if mode == "leave":
                    break
    show()
except openai.APIStatusError as error:
    show(status=error.status_code, code=error.code)
except openai.APIError as error:
    show(code=error.code)
