"""The command line: ``tflite2torch VERB SOURCE…``."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from tflite2torch.commands.options import print_error, tell_error
from tflite2torch.converter.errors import Tflite2TorchError, UnsupportedOpError
from tflite2torch.converter.version import __version__
from tflite2torch.streams import BROKEN_PIPE, drop_streams, prepare_streams

VERBS = {
    "compare": "Compare two models of one architecture, layer by layer.",
    "convert": "Write PyTorch source, weights and a manifest for every model of SOURCE.",
    "inspect": "List operators, inputs, outputs, metadata, and what is not supported and where.",
    "parity": "Compare every layer of the converted models of SOURCE with TFLite.",
    "landmarks": "Find faces in IMAGES: landmarks, blendshapes and poses, as MediaPipe does.",
    "list": "List the official models that are known by name.",
    "release": "Lock what a release of models is, and check the next one against it.",
    "write-back": "Put WEIGHTS back into a copy of SOURCE, a .tflite or .task file.",
    "regenerate": "Make the weights of a port of yours anew, of the model NEW.",
    "reference": "Install MediaPipe's own runtime, which compares models that have its operators.",
}
"""The first sentence of each verb's help, by verb; each has a module in ``commands``."""

INTERRUPTED = 130
"""The exit code that a shell expects of a program that Ctrl-C has ended: 128 + SIGINT."""


class Verbs(click.Group):
    """A group that imports a verb when it is called, and ends with one line on any error."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command line."""
        prepare_streams()
        return super().main(*args, **extra)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve a verb; its module is imported only now, for start-up time."""
        name, verb, rest = super().resolve_command(ctx, args)
        if verb is not None:
            module = import_module(f"tflite2torch.commands.{str(name).replace('-', '_')}")
            verb = next(x for x in vars(module).values() if _is_verb(x, name))
        return name, verb, rest

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Look for --json before a wrong call can end the parsing."""
        ctx.ensure_object(dict)["json"] = "--json" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb; an error is one line, with --json an object too, and the exit code."""
        try:
            return super().invoke(ctx)
        except Tflite2TorchError as error:
            tell_error(error)
            more = {"problems": error.problems} if isinstance(error, UnsupportedOpError) else {}
            print_error(type(error).__name__, str(error), error.exit_code, **more)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            line = "; ".join(["interrupted", *ctx.obj.get("written", ["nothing was written"])])
            click.echo(line, err=True)
            print_error("Interrupted", line, INTERRUPTED)
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:  # head has seen enough
            drop_streams()
            ctx.exit(BROKEN_PIPE)
        except click.ClickException as error:  # click prints it, with the usage
            print_error("UsageError", error.format_message(), error.exit_code)
            raise
        except (click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # a bug of ours: one line, without a traceback
            kind = type(error).__name__
            line = f"internal error: {kind}: {error}; run again with -v and report it"
            tell_error(error, line)
            print_error("InternalError", line, 1)
            ctx.exit(1)


def _is_verb(value: object, name: str | None) -> bool:
    return isinstance(value, click.Command) and value.name == name


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tflite2torch")
def main() -> None:
    """Turn MediaPipe's TFLite models into PyTorch source and weights.

    SOURCE is a .tflite file, a .task bundle, a .whl, a folder of them, or the name of an official
    model, such as face_landmarker.

    Exit codes: 0 all good; 1 the work was done and something failed; 2 the input or the call
    is wrong; 3 the TFLite reference could not run.
    """


for _verb, _help in VERBS.items():
    main.add_command(click.Command(_verb, help=_help))  # for the list of verbs alone

if __name__ == "__main__":
    sys.exit(main())
