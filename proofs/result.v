(** Three ways a step of the checker can end: a value, a rejection, a refusal to judge. *)
From Coq Require Import String.

Inductive result (A : Type) := Ok (a : A) | Reject (why : string) | Decline (why : string).
Arguments Ok {A}. Arguments Reject {A}. Arguments Decline {A}.

Definition bind {A B} (r : result A) (f : A -> result B) : result B :=
  match r with Ok a => f a | Reject w => Reject w | Decline w => Decline w end.

Notation "x <- r ;; e" := (bind r (fun x => e)) (at level 61, r at next level, right associativity).

Definition need (why : string) (b : bool) : result unit := if b then Ok tt else Reject why.
Definition get {A} (why : string) (o : option A) : result A := match o with Some a => Ok a | None => Reject why end.

Lemma bind_ok {A B} (r : result A) (f : A -> result B) b : bind r f = Ok b -> exists a, r = Ok a /\ f a = Ok b.
Proof. destruct r; simpl; intros H; try discriminate. eauto. Qed.

Lemma need_ok why b u : need why b = Ok u -> b = true.
Proof. destruct b; simpl; intros H; [reflexivity | discriminate]. Qed.

Lemma get_ok {A} why (o : option A) a : get why o = Ok a -> o = Some a.
Proof. destruct o; simpl; intros H; congruence. Qed.

(** Take a hypothesis [... = Ok _] apart. *)
Ltac ok H :=
  match type of H with
  | bind _ _ = Ok _ => let a := fresh "a" in let E := fresh "E" in apply bind_ok in H; destruct H as (a & E & H); ok E; ok H
  | need _ _ = Ok _ => apply need_ok in H
  | get _ _ = Ok _ => apply get_ok in H
  | _ => idtac
  end.
